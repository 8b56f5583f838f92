# A follower that was brought up makes history durable first, then currentEpoch, then it acks (ZOOKEEPER-4643, 4785). It may crash
# between the two: then its log tells of an epoch that its currentEpoch does not know yet.

== Server 1 knows epoch 1; it is brought up to epoch 2, and crashes when its history is durable and its currentEpoch is not.
[    0] 1  starts                                       -> tree at 1.2
[    5] 2  1 takes the connection                       -> vote 3 (epoch 1, zxid 1.2), round 2 to 1
[    5] 3  1 takes the connection                       -> vote 3 (epoch 1, zxid 1.2), round 2 to 1
[    6] 1  vote 3 (epoch 1, zxid 1.2), round 2 from 2   -> vote 1 (epoch 1, zxid 1.2), round 1,
                                                           vote 3 (epoch 1, zxid 1.2), round 2 to 2
[    6] 1  vote 3 (epoch 1, zxid 1.2), round 2 from 3   -> vote 3 (epoch 1, zxid 1.2), round 2 to 3, follows 3
[    7] 2  vote 1 (epoch 1, zxid 1.2), round 1, vote 3 (epoch 1, zxid 1.2), round 2 from 1
                                                        -> vote 3 (epoch 2, zxid 1.2), round 2 as follower,
                                                           vote 3 (epoch 2, zxid 1.2), round 2 as follower to 1
[    7] 3  vote 3 (epoch 1, zxid 1.2), round 2 from 1   -> vote 3 (epoch 2, zxid 1.2), round 2 as leader to 1
[    8] 1  vote 3 (epoch 2, zxid 1.2), round 2 as follower, vote 3 (epoch 2, zxid 1.2), round 2 as follower from 2
[    8] 1  vote 3 (epoch 2, zxid 1.2), round 2 as leader from 3
[    8] 1  3 takes the connection                       -> FOLLOWERINFO accepted epoch 1 to 3
[    9] 3  FOLLOWERINFO accepted epoch 1 from 1         -> LEADERINFO epoch 2 to 1
[   10] 1  LEADERINFO epoch 2 from 3                    -> writes acceptedEpoch 2
[   12] 1  acceptedEpoch 2 is durable                   -> ACKEPOCH log to 1.2, of epoch 1 to 3
[   13] 3  ACKEPOCH log to 1.2, of epoch 1 from 1       -> DIFF 2.2, PROPOSAL 2.1, COMMIT 2.1, PROPOSAL 2.2, COMMIT 2.2,
                                                           NEWLEADER 2.0 to 1
[   14] 1  DIFF 2.2, PROPOSAL 2.1, COMMIT 2.1, PROPOSAL 2.2, COMMIT 2.2, NEWLEADER 2.0 from 3
                                                        -> logs 2.1 to 2.2
[   16] 1  log is durable to 2.2                        -> writes currentEpoch 2
[   16] 1  crashes

== It starts again: its log has txns of epoch 2, and currentEpoch says 1.
[    0] 1  starts                                       -> writes currentEpoch 2, tree at 2.2
[    2] 1  currentEpoch 2 is durable
[    7] 2  1 takes the connection                       -> vote 3 (epoch 2, zxid 1.2), round 2 as follower to 1
[    7] 3  1 takes the connection                       -> vote 3 (epoch 2, zxid 1.2), round 2 as leader to 1
[    8] 1  vote 3 (epoch 2, zxid 1.2), round 2 as follower from 2
                                                        -> vote 1 (epoch 2, zxid 2.2), round 1 to 2
[    8] 1  vote 3 (epoch 2, zxid 1.2), round 2 as leader from 3
                                                        -> vote 1 (epoch 2, zxid 2.2), round 1 to 3, follows 3
[    9] 2  vote 1 (epoch 2, zxid 2.2), round 1 from 1   -> vote 3 (epoch 2, zxid 1.2), round 2 as follower to 1
[    9] 3  vote 1 (epoch 2, zxid 2.2), round 1 from 1   -> vote 3 (epoch 2, zxid 1.2), round 2 as leader to 1
[   10] 1  vote 3 (epoch 2, zxid 1.2), round 2 as follower from 2
[   10] 1  vote 3 (epoch 2, zxid 1.2), round 2 as leader from 3
[   10] 1  3 takes the connection                       -> FOLLOWERINFO accepted epoch 2 to 3
[   11] 3  FOLLOWERINFO accepted epoch 2 from 1         -> LEADERINFO epoch 2 to 1
[   12] 1  LEADERINFO epoch 2 from 3                    -> ACKEPOCH log to 2.2, promised before: does not count to 3
[   13] 3  ACKEPOCH log to 2.2, promised before: does not count from 1
                                                        -> DIFF 2.2, NEWLEADER 2.0 to 1
[   14] 1  DIFF 2.2, NEWLEADER 2.0 from 3               -> ACK 2.0 to 3
[   15] 3  ACK 2.0 from 1                               -> UPTODATE to 1
[   16] 1  UPTODATE from 3                              -> ACK 2.0 to 3, serves in epoch 2
[   17] 3  ACK 2.0 from 1
