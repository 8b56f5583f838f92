# The same two proposers as in paxos-livelock, with the back-off as it is by default: who is refused waits between 20 and 40 ms,
# then between 40 and 80, and so on, by chance, so that soon one of them is left alone for long enough.

== First 1 and 2 get some history that 3 does not have.

== Then all start, with 1 and 2 cut from each other. Who is refused waits, by chance longer than the other.
[    0] 1  starts                                       -> tree at 2.2
[    0] 2  starts                                       -> tree at 2.2
[    0] 3  starts                                       -> tree at 0.0
[    3] 1  QUERY, QUERY from 3                          -> writes promise of attempt 3 ballot 1.1
[    3] 2  QUERY, QUERY from 3                          -> writes promise of attempt 3 ballot 1.2
[    5] 1  promise of attempt 3 ballot 1.1 is durable   -> PREPARE attempt 3 ballot 1.1 to 3
[    5] 2  promise of attempt 3 ballot 1.2 is durable   -> PREPARE attempt 3 ballot 1.2 to 3
[    6] 3  PREPARE attempt 3 ballot 1.1 from 1          -> writes promise of attempt 3 ballot 1.1
[    6] 3  PREPARE attempt 3 ballot 1.2 from 2
[   28] 3  promise of attempt 3 ballot 1.1 is durable   -> writes promise of attempt 3 ballot 1.2,
                                                           PROMISE attempt 3 ballot 1.1, nothing accepted, log 0.0 (epoch 1) to 1
[   29] 1  PROMISE attempt 3 ballot 1.1, nothing accepted, log 0.0 (epoch 1) from 3
                                                        -> writes value 1 accepted in attempt 3 ballot 1.1,
                                                           ACCEPT attempt 3 ballot 1.1 value 1 to 3
[   30] 3  ACCEPT attempt 3 ballot 1.1 value 1 from 1   -> NACK, promised attempt 3 ballot 1.2 to 1
[   31] 1  NACK, promised attempt 3 ballot 1.2 from 3
[   31] 1  value 1 accepted in attempt 3 ballot 1.1 is durable
[   50] 3  promise of attempt 3 ballot 1.2 is durable   -> PROMISE attempt 3 ballot 1.2, nothing accepted, log 0.0 (epoch 1) to 2
[   51] 2  PROMISE attempt 3 ballot 1.2, nothing accepted, log 0.0 (epoch 1) from 3
                                                        -> writes value 2 accepted in attempt 3 ballot 1.2,
                                                           ACCEPT attempt 3 ballot 1.2 value 2 to 3
[   52] 3  ACCEPT attempt 3 ballot 1.2 value 2 from 2   -> writes value 2 accepted in attempt 3 ballot 1.2
[   53] 2  value 2 accepted in attempt 3 ballot 1.2 is durable
[   54] 1  it is time                                   -> writes promise of attempt 3 ballot 2.1, value 1 accepted in ballot 1.1
[   56] 1  promise of attempt 3 ballot 2.1, value 1 accepted in ballot 1.1 is durable
                                                        -> PREPARE attempt 3 ballot 2.1 to 3
[   57] 3  PREPARE attempt 3 ballot 2.1 from 1
[   74] 3  value 2 accepted in attempt 3 ballot 1.2 is durable
                                                        -> writes promise of attempt 3 ballot 2.1, value 2 accepted in ballot 1.2,
                                                           ACCEPTED attempt 3 ballot 1.2 value 2 to 2
[   75] 2  ACCEPTED attempt 3 ballot 1.2 value 2 from 3 -> CHOSEN attempt 3 value 2 to 3, leads
[   76] 3  CHOSEN attempt 3 value 2 from 2              -> follows 2
[   96] 3  promise of attempt 3 ballot 2.1, value 2 accepted in ballot 1.2 is durable
[  120] 3  SNAP 2.2, the whole tree, NEWLEADER 3.0 from 2
                                                        -> tree at 2.2
[  209] 2  ACK 3.0 from 3                               -> serves in epoch 3, tree at 3.0
[  210] 3  UPTODATE from 2                              -> serves in epoch 3
