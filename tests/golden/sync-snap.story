# A server with an empty disk joins one that neither remembers nor logged all it needs: it gets the whole tree.

== Server 1 starts with an empty disk.
[    0] 1  starts                                       -> writes snapshot 0.0, tree at 0.0
[    6] 1  snapshot 0.0 is durable                      -> writes acceptedEpoch 0, writes currentEpoch 0
[    8] 1  acceptedEpoch 0 is durable
[   10] 1  currentEpoch 0 is durable
[   16] 1  vote 3 (epoch 0, zxid 0.0), round 1 from 3   -> follows 3
[   18] 1  3 takes the connection                       -> FOLLOWERINFO accepted epoch 0 to 3
[   19] 3  FOLLOWERINFO accepted epoch 0 from 1         -> LEADERINFO epoch 1 to 1
[   20] 1  LEADERINFO epoch 1 from 3                    -> writes acceptedEpoch 1
[   22] 1  acceptedEpoch 1 is durable                   -> ACKEPOCH log to 0.0, of epoch 0 to 3
[   23] 3  ACKEPOCH log to 0.0, of epoch 0 from 1
[   25] 3  PING 1.5 from 2                              -> SNAP 1.5, the whole tree, NEWLEADER 1.0 to 1
[   26] 1  SNAP 1.5, the whole tree, NEWLEADER 1.0 from 3
                                                        -> writes snapshot 1.5, tree at 1.5
[   32] 1  snapshot 1.5 is durable                      -> writes currentEpoch 1
[   34] 1  currentEpoch 1 is durable                    -> ACK 1.0 to 3
[   35] 3  ACK 1.0 from 1                               -> UPTODATE to 1
[   36] 1  UPTODATE from 3                              -> ACK 1.0 to 3, serves in epoch 1
[   37] 3  ACK 1.0 from 1
