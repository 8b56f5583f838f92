# "Paxos Made Simple": one instance chooses one leader.

== Three servers start together, with nothing on their disks.
[    0] 1  starts                                       -> tree at 0.0
[    0] 2  starts                                       -> tree at 0.0
[    0] 3  starts                                       -> tree at 0.0
[   14] 3  QUERY, QUERY, STATUS looking, log 0.0 (epoch 0), STATUS looking, log 0.0 (epoch 0) from 2
                                                        -> writes promise of attempt 1 ballot 1.3
[   16] 3  promise of attempt 1 ballot 1.3 is durable   -> PREPARE attempt 1 ballot 1.3 to 1, 2
[   17] 1  PREPARE attempt 1 ballot 1.3 from 3          -> writes promise of attempt 1 ballot 1.3
[   17] 2  PREPARE attempt 1 ballot 1.3 from 3          -> writes promise of attempt 1 ballot 1.3
[   19] 1  promise of attempt 1 ballot 1.3 is durable   -> PROMISE attempt 1 ballot 1.3, nothing accepted, log 0.0 (epoch 0) to 3
[   19] 2  promise of attempt 1 ballot 1.3 is durable   -> PROMISE attempt 1 ballot 1.3, nothing accepted, log 0.0 (epoch 0) to 3
[   20] 3  PROMISE attempt 1 ballot 1.3, nothing accepted, log 0.0 (epoch 0) from 1
                                                        -> writes value 3 accepted in attempt 1 ballot 1.3,
                                                           ACCEPT attempt 1 ballot 1.3 value 3 to 1, 2
[   20] 3  PROMISE attempt 1 ballot 1.3, nothing accepted, log 0.0 (epoch 0) from 2
[   21] 1  ACCEPT attempt 1 ballot 1.3 value 3 from 3   -> writes value 3 accepted in attempt 1 ballot 1.3
[   21] 2  ACCEPT attempt 1 ballot 1.3 value 3 from 3   -> writes value 3 accepted in attempt 1 ballot 1.3
[   22] 3  value 3 accepted in attempt 1 ballot 1.3 is durable
[   23] 1  value 3 accepted in attempt 1 ballot 1.3 is durable
                                                        -> ACCEPTED attempt 1 ballot 1.3 value 3 to 3
[   23] 2  value 3 accepted in attempt 1 ballot 1.3 is durable
                                                        -> ACCEPTED attempt 1 ballot 1.3 value 3 to 3
[   24] 3  ACCEPTED attempt 1 ballot 1.3 value 3 from 1 -> CHOSEN attempt 1 value 3 to 1, 2, leads
[   24] 3  ACCEPTED attempt 1 ballot 1.3 value 3 from 2
[   25] 1  CHOSEN attempt 1 value 3 from 3              -> follows 3
[   25] 2  CHOSEN attempt 1 value 3 from 3              -> follows 3
[   38] 3  ACK 1.0 from 2                               -> serves in epoch 1, tree at 1.0
[   39] 2  UPTODATE, PING 1.0 from 3                    -> serves in epoch 1
[   45] 1  UPTODATE from 3                              -> serves in epoch 1

== The leader is lost. The two others have its history; a new attempt is a new instance.
[    0] 3  crashes
[    1] 1  connection with 3 ends                       -> looks for a leader
[    1] 2  connection with 3 ends                       -> looks for a leader
[    7] 2  3 is not there                               -> writes promise of attempt 2 ballot 1.2
[    9] 2  promise of attempt 2 ballot 1.2 is durable   -> PREPARE attempt 2 ballot 1.2 to 1
[   10] 1  PREPARE attempt 2 ballot 1.2 from 2          -> writes promise of attempt 2 ballot 1.2
[   12] 1  promise of attempt 2 ballot 1.2 is durable   -> PROMISE attempt 2 ballot 1.2, nothing accepted, log 0.0 (epoch 1) to 2
[   13] 2  PROMISE attempt 2 ballot 1.2, nothing accepted, log 0.0 (epoch 1) from 1
                                                        -> writes value 2 accepted in attempt 2 ballot 1.2,
                                                           ACCEPT attempt 2 ballot 1.2 value 2 to 1
[   14] 1  ACCEPT attempt 2 ballot 1.2 value 2 from 2   -> writes value 2 accepted in attempt 2 ballot 1.2
[   15] 2  value 2 accepted in attempt 2 ballot 1.2 is durable
[   16] 1  value 2 accepted in attempt 2 ballot 1.2 is durable
                                                        -> ACCEPTED attempt 2 ballot 1.2 value 2 to 2
[   17] 2  ACCEPTED attempt 2 ballot 1.2 value 2 from 1 -> CHOSEN attempt 2 value 2 to 1, leads
[   18] 1  CHOSEN attempt 2 value 2 from 2              -> follows 2
[   31] 2  ACK 2.0 from 1                               -> serves in epoch 2, tree at 2.0
[   32] 1  UPTODATE from 2                              -> serves in epoch 2

== Server 3 comes back: it asks, and is told. No ballot is needed.
[    0] 3  starts                                       -> tree at 0.0
[    2] 3  1 takes the connection                       -> QUERY, QUERY to 1
[    2] 3  2 takes the connection                       -> QUERY, QUERY to 2
[    3] 1  QUERY, QUERY from 3                          -> STATUS with leader 2, chosen in attempt 2,
                                                           STATUS with leader 2, chosen in attempt 2 to 3
[    3] 2  QUERY, QUERY from 3                          -> CHOSEN attempt 2 value 2, STATUS with leader 2, chosen in attempt 2,
                                                           STATUS with leader 2, chosen in attempt 2 to 3
[    4] 3  STATUS with leader 2, chosen in attempt 2, STATUS with leader 2, chosen in attempt 2 from 1
                                                        -> follows 2
[    4] 3  CHOSEN attempt 2 value 2, STATUS with leader 2, chosen in attempt 2, STATUS with leader 2, chosen in attempt 2 from 2
                                                        -> STATUS on the way to leader 2, chosen in attempt 2 to 2
[    5] 2  STATUS on the way to leader 2, chosen in attempt 2 from 3
[   16] 3  UPTODATE from 2                              -> serves in epoch 2
