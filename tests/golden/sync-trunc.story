# A txn that a lost leader had alone was never acknowledged, and must go (Zab: TRUNC).

== The leader, 3, is cut off and logs a txn that nobody acks.
[    0]    client of 3: asks for /lost
[    1] 3  a client asks                                -> logs 1.3, PROPOSAL 1.3 to 2, 1
[    3] 3  log is durable to 1.3

== The others have a new leader, 2, when 3 comes back with its longer log.
[    0] 3  starts                                       -> tree at 1.3
[    4] 3  vote 2 (epoch 1, zxid 1.2), round 2, vote 2 (epoch 2, zxid 1.2), round 2 as leader from 2
                                                        -> follows 2
[    6] 3  2 takes the connection                       -> FOLLOWERINFO accepted epoch 1 to 2
[    7] 2  FOLLOWERINFO accepted epoch 1 from 3         -> LEADERINFO epoch 2 to 3
[    8] 3  LEADERINFO epoch 2 from 2                    -> writes acceptedEpoch 2
[   10] 3  acceptedEpoch 2 is durable                   -> ACKEPOCH log to 1.3, of epoch 1 to 2
[   11] 2  ACKEPOCH log to 1.3, of epoch 1 from 3       -> TRUNC 1.2, NEWLEADER 2.0 to 3
[   12] 3  TRUNC 1.2, NEWLEADER 2.0 from 2              -> cuts its log behind 1.2
[   14] 3  log is cut behind 1.2, durably               -> reads its disk again, tree at 1.2
[   14] 3  the disk was read again, log to 1.2          -> writes currentEpoch 2
[   16] 3  currentEpoch 2 is durable                    -> ACK 2.0 to 2
[   17] 2  ACK 2.0 from 3                               -> UPTODATE to 3
[   18] 3  UPTODATE from 2                              -> ACK 2.0 to 2, serves in epoch 2
[   19] 2  ACK 2.0 from 3
