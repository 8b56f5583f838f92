# The same, when the leader remembers two txns only: the others are read from its log.

== Server 1 missed four txns; its leader has two of them in memory, and all on disk.
[    0] 1  starts                                       -> tree at 1.2
[    8] 1  vote 3 (epoch 1, zxid 0.0), round 1 as leader, vote 3 (epoch 1, zxid 0.0), round 1 as leader from 3
                                                        -> follows 3
[   10] 1  3 takes the connection                       -> FOLLOWERINFO accepted epoch 1 to 3
[   11] 3  FOLLOWERINFO accepted epoch 1 from 1         -> LEADERINFO epoch 1 to 1
[   12] 1  LEADERINFO epoch 1 from 3                    -> ACKEPOCH log to 1.2, promised before: does not count to 3
[   13] 3  ACKEPOCH log to 1.2, promised before: does not count from 1
                                                        -> reads its log from 1.2 on
[   15] 3  5 txns were read from the log                -> DIFF 1.6, PROPOSAL 1.3, COMMIT 1.3, PROPOSAL 1.4, COMMIT 1.4,
                                                           PROPOSAL 1.5, COMMIT 1.5, PROPOSAL 1.6, COMMIT 1.6, NEWLEADER 1.0 to 1
[   16] 1  DIFF 1.6, PROPOSAL 1.3, COMMIT 1.3, PROPOSAL 1.4, COMMIT 1.4, PROPOSAL 1.5, COMMIT 1.5, PROPOSAL 1.6, COMMIT 1.6,
           NEWLEADER 1.0 from 3                         -> logs 1.3 to 1.6
[   18] 1  log is durable to 1.6                        -> ACK 1.0 to 3
[   19] 3  ACK 1.0 from 1                               -> UPTODATE to 1
[   20] 1  UPTODATE from 3                              -> ACK 1.0 to 3, serves in epoch 1, tree at 1.6
[   21] 3  ACK 1.0 from 1
