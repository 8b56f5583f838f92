# FastLeaderElection, and the way of its winner to an established epoch (Zab, phases 0 to 2).

== Three servers start together, with nothing on their disks.
[    0] 1  starts                                       -> writes snapshot 0.0, tree at 0.0
[    0] 2  starts                                       -> writes snapshot 0.0, tree at 0.0
[    0] 3  starts                                       -> writes snapshot 0.0, tree at 0.0
[    6] 1  snapshot 0.0 is durable                      -> writes acceptedEpoch 0, writes currentEpoch 0
[    6] 2  snapshot 0.0 is durable                      -> writes acceptedEpoch 0, writes currentEpoch 0
[    6] 3  snapshot 0.0 is durable                      -> writes acceptedEpoch 0, writes currentEpoch 0
[    8] 1  acceptedEpoch 0 is durable
[    8] 2  acceptedEpoch 0 is durable
[    8] 3  acceptedEpoch 0 is durable
[   10] 1  currentEpoch 0 is durable
[   10] 2  currentEpoch 0 is durable
[   10] 3  currentEpoch 0 is durable
[   12] 2  1 takes the connection                       -> vote 2 (epoch 0, zxid 0.0), round 1 to 1
[   12] 3  1 takes the connection                       -> vote 3 (epoch 0, zxid 0.0), round 1 to 1
[   12] 3  2 takes the connection                       -> vote 3 (epoch 0, zxid 0.0), round 1 to 2
[   13] 1  vote 2 (epoch 0, zxid 0.0), round 1 from 2   -> vote 1 (epoch 0, zxid 0.0), round 1,
                                                           vote 2 (epoch 0, zxid 0.0), round 1 to 2
[   13] 1  vote 3 (epoch 0, zxid 0.0), round 1 from 3   -> vote 2 (epoch 0, zxid 0.0), round 1 to 3,
                                                           vote 3 (epoch 0, zxid 0.0), round 1 to 3, 2
[   13] 2  vote 3 (epoch 0, zxid 0.0), round 1 from 3   -> vote 2 (epoch 0, zxid 0.0), round 1 to 3,
                                                           vote 3 (epoch 0, zxid 0.0), round 1 to 3, 1
[   14] 2  vote 1 (epoch 0, zxid 0.0), round 1, vote 2 (epoch 0, zxid 0.0), round 1 from 1
                                                        -> vote 3 (epoch 0, zxid 0.0), round 1 to 1
[   14] 3  vote 2 (epoch 0, zxid 0.0), round 1, vote 3 (epoch 0, zxid 0.0), round 1 from 1
                                                        -> vote 3 (epoch 0, zxid 0.0), round 1 to 1
[   14] 3  vote 2 (epoch 0, zxid 0.0), round 1, vote 3 (epoch 0, zxid 0.0), round 1 from 2
                                                        -> vote 3 (epoch 0, zxid 0.0), round 1 to 2, leads
[   14] 1  vote 3 (epoch 0, zxid 0.0), round 1 from 2   -> follows 3
[   14] 2  vote 3 (epoch 0, zxid 0.0), round 1 from 1   -> follows 3
[   15] 1  vote 3 (epoch 0, zxid 0.0), round 1 from 2   -> vote 3 (epoch 0, zxid 0.0), round 1 as follower to 2
[   15] 1  vote 3 (epoch 0, zxid 0.0), round 1 from 3   -> vote 3 (epoch 0, zxid 0.0), round 1 as follower to 3
[   15] 2  vote 3 (epoch 0, zxid 0.0), round 1 from 3   -> vote 3 (epoch 0, zxid 0.0), round 1 as follower to 3
[   16] 2  vote 3 (epoch 0, zxid 0.0), round 1 as follower from 1
[   16] 3  vote 3 (epoch 0, zxid 0.0), round 1 as follower from 1
[   16] 3  vote 3 (epoch 0, zxid 0.0), round 1 as follower from 2
[   16] 1  3 takes the connection                       -> FOLLOWERINFO accepted epoch 0 to 3
[   16] 2  3 takes the connection                       -> FOLLOWERINFO accepted epoch 0 to 3
[   17] 3  FOLLOWERINFO accepted epoch 0 from 1         -> writes acceptedEpoch 1
[   17] 3  FOLLOWERINFO accepted epoch 0 from 2
[   19] 3  acceptedEpoch 1 is durable                   -> LEADERINFO epoch 1 to 2, 1
[   20] 2  LEADERINFO epoch 1 from 3                    -> writes acceptedEpoch 1
[   20] 1  LEADERINFO epoch 1 from 3                    -> writes acceptedEpoch 1
[   22] 2  acceptedEpoch 1 is durable                   -> ACKEPOCH log to 0.0, of epoch 0 to 3
[   22] 1  acceptedEpoch 1 is durable                   -> ACKEPOCH log to 0.0, of epoch 0 to 3
[   23] 3  ACKEPOCH log to 0.0, of epoch 0 from 2       -> writes currentEpoch 1, DIFF 0.0, NEWLEADER 1.0 to 2
[   23] 3  ACKEPOCH log to 0.0, of epoch 0 from 1
[   24] 2  DIFF 0.0, NEWLEADER 1.0 from 3               -> writes currentEpoch 1
[   25] 3  currentEpoch 1 is durable
[   26] 2  currentEpoch 1 is durable                    -> ACK 1.0 to 3
[   27] 3  ACK 1.0 from 2                               -> UPTODATE to 2, serves in epoch 1, tree at 1.0
[   28] 2  UPTODATE, PING 1.0 from 3                    -> ACK 1.0 to 3, serves in epoch 1
[   29] 3  ACK 1.0, PING 1.0 from 2                     -> DIFF 0.0, NEWLEADER 1.0 to 1
[   30] 1  DIFF 0.0, NEWLEADER 1.0 from 3               -> writes currentEpoch 1
[   32] 1  currentEpoch 1 is durable                    -> ACK 1.0 to 3
[   33] 3  ACK 1.0 from 1                               -> UPTODATE to 1
[   34] 1  UPTODATE from 3                              -> ACK 1.0 to 3, serves in epoch 1
[   35] 3  ACK 1.0 from 1

== The leader is lost. Equal logs: the larger number wins. Then the old leader comes back, and follows.
[    0] 3  crashes
[    1] 1  connection with 3 ends                       -> vote 1 (epoch 1, zxid 0.0), round 2 to 2, 3, looks for a leader
[    1] 2  connection with 3 ends                       -> vote 2 (epoch 1, zxid 0.0), round 2 to 1, 3, looks for a leader
[    2] 2  vote 1 (epoch 1, zxid 0.0), round 2 from 1   -> vote 2 (epoch 1, zxid 0.0), round 2 to 1
[    2] 1  vote 2 (epoch 1, zxid 0.0), round 2 from 2   -> vote 2 (epoch 1, zxid 0.0), round 2 to 2
[    3] 1  vote 2 (epoch 1, zxid 0.0), round 2 from 2
[    3] 2  vote 2 (epoch 1, zxid 0.0), round 2 from 1
[    7] 1  3 is not there                               -> follows 2
[    7] 2  3 is not there                               -> leads
[    9] 1  2 takes the connection                       -> FOLLOWERINFO accepted epoch 1 to 2
[   10] 2  FOLLOWERINFO accepted epoch 1 from 1         -> writes acceptedEpoch 2
[   12] 2  acceptedEpoch 2 is durable                   -> LEADERINFO epoch 2 to 1
[   13] 1  LEADERINFO epoch 2 from 2                    -> writes acceptedEpoch 2
[   15] 1  acceptedEpoch 2 is durable                   -> ACKEPOCH log to 0.0, of epoch 1 to 2
[   16] 2  ACKEPOCH log to 0.0, of epoch 1 from 1       -> writes currentEpoch 2, DIFF 0.0, NEWLEADER 2.0 to 1
[   17] 1  DIFF 0.0, NEWLEADER 2.0 from 2               -> writes currentEpoch 2
[   18] 2  currentEpoch 2 is durable
[   19] 1  currentEpoch 2 is durable                    -> ACK 2.0 to 2
[   20] 2  ACK 2.0 from 1                               -> UPTODATE to 1, serves in epoch 2, tree at 2.0
[   21] 1  UPTODATE from 2                              -> ACK 2.0 to 2, serves in epoch 2
[   22] 2  ACK 2.0 from 1
[  501] 2  a client asks                                -> logs 2.1, PROPOSAL 2.1 to 1
[  502] 1  PROPOSAL 2.1 from 2                          -> logs 2.1
[  503] 2  log is durable to 2.1
[  504] 1  log is durable to 2.1                        -> ACK 2.1 to 2
[  505] 2  ACK 2.1 from 1                               -> COMMIT 2.1 to 1, tree at 2.1
[  506] 1  COMMIT 2.1 from 2                            -> tree at 2.1
[  507] 2  a client asks                                -> logs 2.2, PROPOSAL 2.2 to 1
[  508] 1  PROPOSAL 2.2 from 2                          -> logs 2.2
[  509] 2  log is durable to 2.2
[  510] 1  log is durable to 2.2                        -> ACK 2.2 to 2
[  511] 2  ACK 2.2 from 1                               -> COMMIT 2.2 to 1, tree at 2.2
[  512] 1  COMMIT 2.2 from 2                            -> tree at 2.2
[  606] 3  starts                                       -> tree at 0.0
[  608] 3  1 takes the connection                       -> vote 3 (epoch 1, zxid 0.0), round 1 to 1
[  608] 3  2 takes the connection                       -> vote 3 (epoch 1, zxid 0.0), round 1 to 2
[  609] 1  vote 3 (epoch 1, zxid 0.0), round 1 from 3   -> vote 2 (epoch 1, zxid 0.0), round 2,
                                                           vote 2 (epoch 2, zxid 0.0), round 2 as follower to 3
[  609] 2  vote 3 (epoch 1, zxid 0.0), round 1 from 3   -> vote 2 (epoch 1, zxid 0.0), round 2,
                                                           vote 2 (epoch 2, zxid 0.0), round 2 as leader to 3
[  610] 3  vote 2 (epoch 1, zxid 0.0), round 2, vote 2 (epoch 2, zxid 0.0), round 2 as follower from 1
                                                        -> vote 3 (epoch 1, zxid 0.0), round 2 to 1, 2
[  610] 3  vote 2 (epoch 1, zxid 0.0), round 2, vote 2 (epoch 2, zxid 0.0), round 2 as leader from 2
                                                        -> vote 3 (epoch 1, zxid 0.0), round 2 to 2,
                                                           vote 2 (epoch 2, zxid 0.0), round 2 as follower to 2, 1, follows 2
[  611] 1  vote 3 (epoch 1, zxid 0.0), round 2 from 3   -> vote 2 (epoch 2, zxid 0.0), round 2 as follower to 3
[  611] 2  vote 3 (epoch 1, zxid 0.0), round 2 from 3   -> vote 2 (epoch 2, zxid 0.0), round 2 as leader to 3
[  611] 2  vote 3 (epoch 1, zxid 0.0), round 2, vote 2 (epoch 2, zxid 0.0), round 2 as follower from 3
                                                        -> vote 2 (epoch 2, zxid 0.0), round 2 as leader to 3
[  611] 1  vote 2 (epoch 2, zxid 0.0), round 2 as follower from 3
[  612] 3  vote 2 (epoch 2, zxid 0.0), round 2 as follower from 1
[  612] 3  vote 2 (epoch 2, zxid 0.0), round 2 as leader from 2
[  612] 3  2 takes the connection                       -> FOLLOWERINFO accepted epoch 1 to 2
[  612] 3  vote 2 (epoch 2, zxid 0.0), round 2 as leader from 2
[  613] 2  FOLLOWERINFO accepted epoch 1 from 3         -> LEADERINFO epoch 2 to 3
[  614] 3  LEADERINFO epoch 2 from 2                    -> writes acceptedEpoch 2
[  616] 3  acceptedEpoch 2 is durable                   -> ACKEPOCH log to 0.0, of epoch 1 to 2
[  617] 2  ACKEPOCH log to 0.0, of epoch 1 from 3       -> DIFF 2.2, PROPOSAL 2.1, COMMIT 2.1, PROPOSAL 2.2, COMMIT 2.2,
                                                           NEWLEADER 2.0 to 3
[  618] 3  DIFF 2.2, PROPOSAL 2.1, COMMIT 2.1, PROPOSAL 2.2, COMMIT 2.2, NEWLEADER 2.0 from 2
                                                        -> logs 2.1 to 2.2
[  620] 3  log is durable to 2.2                        -> writes currentEpoch 2
[  622] 3  currentEpoch 2 is durable                    -> ACK 2.0 to 2
[  623] 2  ACK 2.0 from 3                               -> UPTODATE to 3
[  624] 3  UPTODATE from 2                              -> ACK 2.0 to 2, serves in epoch 2, tree at 2.2
[  625] 2  ACK 2.0 from 3
