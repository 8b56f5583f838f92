# A leader dies when one follower has its last txn on disk and the other does not: the txn was acknowledged to nobody, and stays,
# for the quorum that elects the next leader has it (Zab: the history of the most recent of a quorum).

== Server 1 is down. A client of 2 asks for /a. The leader, 3, dies once 2 has it on disk.
[    0]    client of 2: asks for /a
[    2] 3  REQUEST from 2                               -> logs 1.2, PROPOSAL 1.2 to 2
[    3] 2  PROPOSAL 1.2 from 3                          -> logs 1.2
[    4] 3  log is durable to 1.2
[    5] 2  log is durable to 1.2                        -> ACK 1.2 to 3
[    5] 3  crashes
[    6] 2  connection with 3 ends                       -> vote 2 (epoch 1, zxid 1.2), round 2 to 3, looks for a leader
[    7]    client of 2: lost its connection, was /a created?

== Server 1 comes back.
[    0] 1  starts                                       -> tree at 1.1
[    5] 2  1 takes the connection                       -> vote 2 (epoch 1, zxid 1.2), round 2 to 1
[    6] 1  vote 2 (epoch 1, zxid 1.2), round 2 from 2   -> vote 1 (epoch 1, zxid 1.1), round 1,
                                                           vote 2 (epoch 1, zxid 1.2), round 2 to 2
[    7] 2  vote 1 (epoch 1, zxid 1.1), round 1, vote 2 (epoch 1, zxid 1.2), round 2 from 1
                                                        -> vote 2 (epoch 1, zxid 1.2), round 2 to 1, leads
[    8] 1  vote 2 (epoch 1, zxid 1.2), round 2 from 2
[  206] 1  it is time                                   -> follows 2
[  208] 1  2 takes the connection                       -> FOLLOWERINFO accepted epoch 1 to 2
[  209] 2  FOLLOWERINFO accepted epoch 1 from 1         -> writes acceptedEpoch 2
[  211] 2  acceptedEpoch 2 is durable                   -> LEADERINFO epoch 2 to 1
[  212] 1  LEADERINFO epoch 2 from 2                    -> writes acceptedEpoch 2
[  214] 1  acceptedEpoch 2 is durable                   -> ACKEPOCH log to 1.1, of epoch 1 to 2
[  215] 2  ACKEPOCH log to 1.1, of epoch 1 from 1       -> writes currentEpoch 2, DIFF 1.2, PROPOSAL 1.2, COMMIT 1.2,
                                                           NEWLEADER 2.0 to 1
[  216] 1  DIFF 1.2, PROPOSAL 1.2, COMMIT 1.2, NEWLEADER 2.0 from 2
                                                        -> logs 1.2
[  217] 2  currentEpoch 2 is durable
[  218] 1  log is durable to 1.2                        -> writes currentEpoch 2
[  220] 1  currentEpoch 2 is durable                    -> ACK 2.0 to 2
[  221] 2  ACK 2.0 from 1                               -> UPTODATE to 1, serves in epoch 2, tree at 2.0
[  222] 1  UPTODATE from 2                              -> ACK 2.0 to 2, serves in epoch 2, tree at 1.2
[  223] 2  ACK 2.0 from 1

== The old leader comes back, and has nothing that the others have not.
[    0] 3  starts                                       -> tree at 1.2
[    2] 3  1 takes the connection                       -> vote 3 (epoch 1, zxid 1.2), round 1 to 1
[    2] 3  2 takes the connection                       -> vote 3 (epoch 1, zxid 1.2), round 1 to 2
[    3] 1  vote 3 (epoch 1, zxid 1.2), round 1 from 3   -> vote 2 (epoch 1, zxid 1.2), round 2,
                                                           vote 2 (epoch 2, zxid 1.2), round 2 as follower to 3
[    3] 2  vote 3 (epoch 1, zxid 1.2), round 1 from 3   -> vote 2 (epoch 1, zxid 1.2), round 2,
                                                           vote 2 (epoch 2, zxid 1.2), round 2 as leader to 3
[    4] 3  vote 2 (epoch 1, zxid 1.2), round 2, vote 2 (epoch 2, zxid 1.2), round 2 as follower from 1
                                                        -> vote 3 (epoch 1, zxid 1.2), round 2 to 1, 2
[    4] 3  vote 2 (epoch 1, zxid 1.2), round 2, vote 2 (epoch 2, zxid 1.2), round 2 as leader from 2
                                                        -> vote 3 (epoch 1, zxid 1.2), round 2 to 2,
                                                           vote 2 (epoch 2, zxid 1.2), round 2 as follower to 2, 1, follows 2
[    5] 1  vote 3 (epoch 1, zxid 1.2), round 2 from 3   -> vote 2 (epoch 2, zxid 1.2), round 2 as follower to 3
[    5] 2  vote 3 (epoch 1, zxid 1.2), round 2 from 3   -> vote 2 (epoch 2, zxid 1.2), round 2 as leader to 3
[    5] 2  vote 3 (epoch 1, zxid 1.2), round 2, vote 2 (epoch 2, zxid 1.2), round 2 as follower from 3
                                                        -> vote 2 (epoch 2, zxid 1.2), round 2 as leader to 3
[    5] 1  vote 2 (epoch 2, zxid 1.2), round 2 as follower from 3
[    6] 3  vote 2 (epoch 2, zxid 1.2), round 2 as follower from 1
[    6] 3  vote 2 (epoch 2, zxid 1.2), round 2 as leader from 2
[    6] 3  2 takes the connection                       -> FOLLOWERINFO accepted epoch 1 to 2
[    6] 3  vote 2 (epoch 2, zxid 1.2), round 2 as leader from 2
[    7] 2  FOLLOWERINFO accepted epoch 1 from 3         -> LEADERINFO epoch 2 to 3
[    8] 3  LEADERINFO epoch 2 from 2                    -> writes acceptedEpoch 2
[   10] 3  acceptedEpoch 2 is durable                   -> ACKEPOCH log to 1.2, of epoch 1 to 2
[   11] 2  ACKEPOCH log to 1.2, of epoch 1 from 3       -> DIFF 1.2, NEWLEADER 2.0 to 3
[   12] 3  DIFF 1.2, NEWLEADER 2.0 from 2               -> writes currentEpoch 2
[   14] 3  currentEpoch 2 is durable                    -> ACK 2.0 to 2
[   15] 2  ACK 2.0 from 3                               -> UPTODATE to 3
[   16] 3  UPTODATE from 2                              -> ACK 2.0 to 2, serves in epoch 2
[   17] 2  ACK 2.0 from 3
