# Two proposers, 1 and 2, do not hear each other; the acceptor they share, 3, has less history and would not propose first.
# "It's easy to construct a scenario in which two proposers each keep issuing a sequence of proposals with increasing numbers,
# none of which are ever chosen" (Paxos Made Simple, 2.4).

== First 1 and 2 get some history that 3 does not have.

== Then all start, with 1 and 2 cut from each other. Who is refused tries again at once.
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
[   33] 1  it is time                                   -> writes promise of attempt 3 ballot 2.1, value 1 accepted in ballot 1.1
[   35] 1  promise of attempt 3 ballot 2.1, value 1 accepted in ballot 1.1 is durable
                                                        -> PREPARE attempt 3 ballot 2.1 to 3
[   36] 3  PREPARE attempt 3 ballot 2.1 from 1
[   50] 3  promise of attempt 3 ballot 1.2 is durable   -> writes promise of attempt 3 ballot 2.1,
                                                           PROMISE attempt 3 ballot 1.2, nothing accepted, log 0.0 (epoch 1) to 2
[   51] 2  PROMISE attempt 3 ballot 1.2, nothing accepted, log 0.0 (epoch 1) from 3
                                                        -> writes value 2 accepted in attempt 3 ballot 1.2,
                                                           ACCEPT attempt 3 ballot 1.2 value 2 to 3
[   52] 3  ACCEPT attempt 3 ballot 1.2 value 2 from 2   -> NACK, promised attempt 3 ballot 2.1 to 2
[   53] 2  NACK, promised attempt 3 ballot 2.1 from 3
[   53] 2  value 2 accepted in attempt 3 ballot 1.2 is durable
[   55] 2  it is time                                   -> writes promise of attempt 3 ballot 3.2, value 2 accepted in ballot 1.2
[   57] 2  promise of attempt 3 ballot 3.2, value 2 accepted in ballot 1.2 is durable
                                                        -> PREPARE attempt 3 ballot 3.2 to 3
[   58] 3  PREPARE attempt 3 ballot 3.2 from 2
[   72] 3  promise of attempt 3 ballot 2.1 is durable   -> writes promise of attempt 3 ballot 3.2,
                                                           PROMISE attempt 3 ballot 2.1, nothing accepted, log 0.0 (epoch 1) to 1
[   73] 1  PROMISE attempt 3 ballot 2.1, nothing accepted, log 0.0 (epoch 1) from 3
                                                        -> writes value 1 accepted in attempt 3 ballot 2.1,
                                                           ACCEPT attempt 3 ballot 2.1 value 1 to 3
[   74] 3  ACCEPT attempt 3 ballot 2.1 value 1 from 1   -> NACK, promised attempt 3 ballot 3.2 to 1
[   75] 1  NACK, promised attempt 3 ballot 3.2 from 3
[   75] 1  value 1 accepted in attempt 3 ballot 2.1 is durable
[   77] 1  it is time                                   -> writes promise of attempt 3 ballot 4.1, value 1 accepted in ballot 2.1
[   79] 1  promise of attempt 3 ballot 4.1, value 1 accepted in ballot 2.1 is durable
                                                        -> PREPARE attempt 3 ballot 4.1 to 3
[   80] 3  PREPARE attempt 3 ballot 4.1 from 1
[   94] 3  promise of attempt 3 ballot 3.2 is durable   -> writes promise of attempt 3 ballot 4.1,
                                                           PROMISE attempt 3 ballot 3.2, nothing accepted, log 0.0 (epoch 1) to 2
[   95] 2  PROMISE attempt 3 ballot 3.2, nothing accepted, log 0.0 (epoch 1) from 3
                                                        -> writes value 2 accepted in attempt 3 ballot 3.2,
                                                           ACCEPT attempt 3 ballot 3.2 value 2 to 3
[   96] 3  ACCEPT attempt 3 ballot 3.2 value 2 from 2   -> NACK, promised attempt 3 ballot 4.1 to 2
[   97] 2  NACK, promised attempt 3 ballot 4.1 from 3
[   97] 2  value 2 accepted in attempt 3 ballot 3.2 is durable
[   98] 2  it is time                                   -> writes promise of attempt 3 ballot 5.2, value 2 accepted in ballot 3.2
[  100] 2  promise of attempt 3 ballot 5.2, value 2 accepted in ballot 3.2 is durable
                                                        -> PREPARE attempt 3 ballot 5.2 to 3
[  101] 3  PREPARE attempt 3 ballot 5.2 from 2
[  116] 3  promise of attempt 3 ballot 4.1 is durable   -> writes promise of attempt 3 ballot 5.2,
                                                           PROMISE attempt 3 ballot 4.1, nothing accepted, log 0.0 (epoch 1) to 1
[  117] 1  PROMISE attempt 3 ballot 4.1, nothing accepted, log 0.0 (epoch 1) from 3
                                                        -> writes value 1 accepted in attempt 3 ballot 4.1,
                                                           ACCEPT attempt 3 ballot 4.1 value 1 to 3
[  118] 3  ACCEPT attempt 3 ballot 4.1 value 1 from 1   -> NACK, promised attempt 3 ballot 5.2 to 1
[  119] 1  NACK, promised attempt 3 ballot 5.2 from 3
[  119] 1  value 1 accepted in attempt 3 ballot 4.1 is durable
[  121] 1  it is time                                   -> writes promise of attempt 3 ballot 6.1, value 1 accepted in ballot 4.1
[  123] 1  promise of attempt 3 ballot 6.1, value 1 accepted in ballot 4.1 is durable
                                                        -> PREPARE attempt 3 ballot 6.1 to 3
[  124] 3  PREPARE attempt 3 ballot 6.1 from 1
[  138] 3  promise of attempt 3 ballot 5.2 is durable   -> writes promise of attempt 3 ballot 6.1,
                                                           PROMISE attempt 3 ballot 5.2, nothing accepted, log 0.0 (epoch 1) to 2
[  139] 2  PROMISE attempt 3 ballot 5.2, nothing accepted, log 0.0 (epoch 1) from 3
                                                        -> writes value 2 accepted in attempt 3 ballot 5.2,
                                                           ACCEPT attempt 3 ballot 5.2 value 2 to 3
[  140] 3  ACCEPT attempt 3 ballot 5.2 value 2 from 2   -> NACK, promised attempt 3 ballot 6.1 to 2
[  141] 2  NACK, promised attempt 3 ballot 6.1 from 3
[  141] 2  value 2 accepted in attempt 3 ballot 5.2 is durable
[  143] 2  it is time                                   -> writes promise of attempt 3 ballot 7.2, value 2 accepted in ballot 5.2
[  145] 2  promise of attempt 3 ballot 7.2, value 2 accepted in ballot 5.2 is durable
                                                        -> PREPARE attempt 3 ballot 7.2 to 3
[  146] 3  PREPARE attempt 3 ballot 7.2 from 2
[  160] 3  promise of attempt 3 ballot 6.1 is durable   -> writes promise of attempt 3 ballot 7.2,
                                                           PROMISE attempt 3 ballot 6.1, nothing accepted, log 0.0 (epoch 1) to 1

== After 20 s they are still at it.
[    1] 2  NACK, promised attempt 3 ballot 916.1 from 3
[    1] 2  value 2 accepted in attempt 3 ballot 915.2 is durable
[    2] 2  it is time                                   -> writes promise of attempt 3 ballot 917.2, value 2 accepted in ballot 915.2
[    4] 2  promise of attempt 3 ballot 917.2, value 2 accepted in ballot 915.2 is durable
                                                        -> PREPARE attempt 3 ballot 917.2 to 3
[    5] 3  PREPARE attempt 3 ballot 917.2 from 2
[   20] 3  promise of attempt 3 ballot 916.1 is durable -> writes promise of attempt 3 ballot 917.2,
                                                           PROMISE attempt 3 ballot 916.1, nothing accepted, log 0.0 (epoch 1) to 1
[   21] 1  PROMISE attempt 3 ballot 916.1, nothing accepted, log 0.0 (epoch 1) from 3
                                                        -> writes value 1 accepted in attempt 3 ballot 916.1,
                                                           ACCEPT attempt 3 ballot 916.1 value 1 to 3
[   22] 3  ACCEPT attempt 3 ballot 916.1 value 1 from 1 -> NACK, promised attempt 3 ballot 917.2 to 1
[   23] 1  NACK, promised attempt 3 ballot 917.2 from 3
[   23] 1  value 1 accepted in attempt 3 ballot 916.1 is durable
[   24] 1  it is time                                   -> writes promise of attempt 3 ballot 918.1, value 1 accepted in ballot 916.1
[   26] 1  promise of attempt 3 ballot 918.1, value 1 accepted in ballot 916.1 is durable
                                                        -> PREPARE attempt 3 ballot 918.1 to 3
[   27] 3  PREPARE attempt 3 ballot 918.1 from 1
