# A follower that missed some txns is sent those (Zab, phase 2).

== Server 1 missed two txns; its leader has them in memory.
[    0] 1  starts                                       -> tree at 1.2
[    8] 1  vote 3 (epoch 1, zxid 0.0), round 1 as leader, vote 3 (epoch 1, zxid 0.0), round 1 as leader from 3
                                                        -> follows 3
[   10] 1  3 takes the connection                       -> FOLLOWERINFO accepted epoch 1 to 3
[   11] 3  FOLLOWERINFO accepted epoch 1 from 1         -> LEADERINFO epoch 1 to 1
[   12] 1  LEADERINFO epoch 1 from 3                    -> ACKEPOCH log to 1.2, promised before: does not count to 3
[   13] 3  ACKEPOCH log to 1.2, promised before: does not count from 1
                                                        -> DIFF 1.4, PROPOSAL 1.3, COMMIT 1.3, PROPOSAL 1.4, COMMIT 1.4,
                                                           NEWLEADER 1.0 to 1
[   14] 1  DIFF 1.4, PROPOSAL 1.3, COMMIT 1.3, PROPOSAL 1.4, COMMIT 1.4, NEWLEADER 1.0 from 3
                                                        -> logs 1.3 to 1.4
[   16] 1  log is durable to 1.4                        -> ACK 1.0 to 3
[   17] 3  ACK 1.0 from 1                               -> UPTODATE to 1
[   18] 1  UPTODATE from 3                              -> ACK 1.0 to 3, serves in epoch 1, tree at 1.4
[   19] 3  ACK 1.0 from 1
