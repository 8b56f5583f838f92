# The leader is removed. Its last act is to have that committed by a quorum of the old members and of the new ones; the commit
# names who leads next, so nobody is elected, and the followers go first (Shraer et al., "Dynamic Reconfiguration of
# Primary/Backup Clusters").

== Server 3 leads. A client of 1 asks to remove it.
[    0]    client of 1: asks to remove server 3
[    2] 3  REQUEST from 1                               -> logs 1.2, writes the proposed list of members, PROPOSAL 1.2 to 2, 1
[    3] 2  PROPOSAL 1.2 from 3                          -> logs 1.2, writes the proposed list of members
[    3] 1  PROPOSAL 1.2 from 3                          -> logs 1.2, writes the proposed list of members
[    4] 3  log is durable to 1.2
[    5] 2  log is durable to 1.2                        -> ACK 1.2 to 3
[    5] 1  log is durable to 1.2                        -> ACK 1.2 to 3
[    6] 3  ACK 1.2 from 2
[    6] 3  ACK 1.2 from 1                               -> writes the committed list of members, forgets the proposed list,
                                                           COMMITANDACTIVATE 1.2, leader 2 to 2, 1, tree at 1.2
[    7] 2  COMMITANDACTIVATE 1.2, leader 2 from 3       -> writes the committed list of members, forgets the proposed list,
                                                           ends the connection with 3, leads, tree at 1.2
[    7] 1  COMMITANDACTIVATE 1.2, leader 2 from 3       -> writes the committed list of members, forgets the proposed list,
                                                           ends the connection with 3, tree at 1.2
[    8] 3  connection with 2 ends                       -> ends the connection with 1, follows 2
[    8]    client of 1: server 3 is removed, zxid 1.2
[    9] 1  2 takes the connection                       -> FOLLOWERINFO accepted epoch 1 to 2
[   10] 3  2 takes the connection                       -> FOLLOWERINFO accepted epoch 1 to 2
[   10] 2  FOLLOWERINFO accepted epoch 1 from 1         -> writes acceptedEpoch 2
[   11] 2  FOLLOWERINFO accepted epoch 1 from 3
[   12] 2  acceptedEpoch 2 is durable                   -> LEADERINFO epoch 2 to 3, 1
[   13] 3  LEADERINFO epoch 2 from 2                    -> writes acceptedEpoch 2
[   13] 1  LEADERINFO epoch 2 from 2                    -> writes acceptedEpoch 2
[   15] 3  acceptedEpoch 2 is durable                   -> ACKEPOCH log to 1.2, of epoch 1 to 2
[   15] 1  acceptedEpoch 2 is durable                   -> ACKEPOCH log to 1.2, of epoch 1 to 2
[   16] 2  ACKEPOCH log to 1.2, of epoch 1 from 3
[   16] 2  ACKEPOCH log to 1.2, of epoch 1 from 1       -> writes currentEpoch 2, DIFF 1.2, NEWLEADER 2.0 to 3, 1
[   17] 3  DIFF 1.2, NEWLEADER 2.0 from 2               -> writes currentEpoch 2
[   17] 1  DIFF 1.2, NEWLEADER 2.0 from 2               -> writes currentEpoch 2
[   18] 2  currentEpoch 2 is durable
[   19] 3  currentEpoch 2 is durable                    -> ACK 2.0 to 2
[   19] 1  currentEpoch 2 is durable                    -> ACK 2.0 to 2
[   20] 2  ACK 2.0 from 3
[   20] 2  ACK 2.0 from 1                               -> UPTODATE to 3, 1, serves in epoch 2, tree at 2.0
[   21] 3  UPTODATE from 2                              -> ACK 2.0 to 2, serves in epoch 2
[   21] 1  UPTODATE from 2                              -> ACK 2.0 to 2, serves in epoch 2
[   22] 2  ACK 2.0 from 3
[   22] 2  ACK 2.0 from 1

== Server 2 commits with 1 from now on; 3 follows without a vote.
[    2] 2  REQUEST from 1                               -> logs 2.1, PROPOSAL 2.1 to 3, 1
[    3] 3  PROPOSAL 2.1 from 2                          -> logs 2.1
[    3] 1  PROPOSAL 2.1 from 2                          -> logs 2.1
[    4] 2  log is durable to 2.1
[    5] 3  log is durable to 2.1                        -> ACK 2.1 to 2
[    5] 1  log is durable to 2.1                        -> ACK 2.1 to 2
[    6] 2  ACK 2.1 from 3
[    6] 2  ACK 2.1 from 1                               -> COMMIT 2.1 to 3, 1, tree at 2.1
[    7] 3  COMMIT 2.1 from 2                            -> tree at 2.1
[    7] 1  COMMIT 2.1 from 2                            -> tree at 2.1
[    8]    client of 1: asks for /after
[   10] 2  REQUEST from 1                               -> logs 2.2, PROPOSAL 2.2 to 3, 1
[   11] 3  PROPOSAL 2.2 from 2                          -> logs 2.2
[   11] 1  PROPOSAL 2.2 from 2                          -> logs 2.2
[   12] 2  log is durable to 2.2
[   13] 3  log is durable to 2.2                        -> ACK 2.2 to 2
[   13] 1  log is durable to 2.2                        -> ACK 2.2 to 2
[   14] 2  ACK 2.2 from 3
[   14] 2  ACK 2.2 from 1                               -> COMMIT 2.2 to 3, 1, tree at 2.2
[   15] 3  COMMIT 2.2 from 2                            -> tree at 2.2
[   15] 1  COMMIT 2.2 from 2                            -> tree at 2.2
[   16]    client of 1: /after is created, zxid 2.2
