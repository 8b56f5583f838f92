# The same two proposers as in paxos-livelock, with the back-off as it is by default: who is refused waits between 20 and 40 ms,
# then between 40 and 80, and so on, by chance, so that soon one of them is left alone for long enough.

== First 1 and 2 get some history that 3 does not have.

== Then all start, with 1 and 2 cut from each other. Who is refused waits, by chance longer than the other.
[    0] 1  starts                                       -> tree at 1.2
[    0] 2  starts                                       -> tree at 1.2
[    0] 3  starts                                       -> tree at 0.0
[   45] 1  QUERY from 3                                 -> writes promise of attempt 2 ballot 1.1
[   45] 2  QUERY from 3                                 -> writes promise of attempt 2 ballot 1.2
[   47] 1  promise of attempt 2 ballot 1.1 is durable   -> PREPARE attempt 2 ballot 1.1 to 3
[   47] 2  promise of attempt 2 ballot 1.2 is durable   -> PREPARE attempt 2 ballot 1.2 to 3
[   48] 3  PREPARE attempt 2 ballot 1.1 from 1          -> writes promise of attempt 2 ballot 1.1
[   48] 3  PREPARE attempt 2 ballot 1.2 from 2
[   88] 3  promise of attempt 2 ballot 1.1 is durable   -> writes promise of attempt 2 ballot 1.2,
                                                           PROMISE attempt 2 ballot 1.1, nothing accepted, log 0.0 (epoch 0) to 1
[   89] 1  PROMISE attempt 2 ballot 1.1, nothing accepted, log 0.0 (epoch 0) from 3
                                                        -> writes value 1 accepted in attempt 2 ballot 1.1,
                                                           ACCEPT attempt 2 ballot 1.1 value 1 to 3
[   90] 3  ACCEPT attempt 2 ballot 1.1 value 1 from 1   -> NACK, promised attempt 2 ballot 1.2 to 1
[   91] 1  NACK, promised attempt 2 ballot 1.2 from 3
[   91] 1  value 1 accepted in attempt 2 ballot 1.1 is durable
[  110] 3  promise of attempt 2 ballot 1.2 is durable   -> PROMISE attempt 2 ballot 1.2, nothing accepted, log 0.0 (epoch 0) to 2
[  111] 2  PROMISE attempt 2 ballot 1.2, nothing accepted, log 0.0 (epoch 0) from 3
                                                        -> writes value 2 accepted in attempt 2 ballot 1.2,
                                                           ACCEPT attempt 2 ballot 1.2 value 2 to 3
[  111] 1  it is time                                   -> writes promise of attempt 2 ballot 2.1, value 1 accepted in ballot 1.1
[  112] 3  ACCEPT attempt 2 ballot 1.2 value 2 from 2   -> writes value 2 accepted in attempt 2 ballot 1.2
[  113] 2  value 2 accepted in attempt 2 ballot 1.2 is durable
[  113] 1  promise of attempt 2 ballot 2.1, value 1 accepted in ballot 1.1 is durable
                                                        -> PREPARE attempt 2 ballot 2.1 to 3
[  114] 3  PREPARE attempt 2 ballot 2.1 from 1
[  134] 3  value 2 accepted in attempt 2 ballot 1.2 is durable
                                                        -> writes promise of attempt 2 ballot 2.1, value 2 accepted in ballot 1.2,
                                                           ACCEPTED attempt 2 ballot 1.2 value 2 to 2
[  135] 2  ACCEPTED attempt 2 ballot 1.2 value 2 from 3 -> CHOSEN attempt 2 value 2 to 3, leads
[  136] 3  CHOSEN attempt 2 value 2 from 2              -> follows 2
[  156] 3  promise of attempt 2 ballot 2.1, value 2 accepted in ballot 1.2 is durable
