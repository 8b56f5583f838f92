# Two proposers, 1 and 2, do not hear each other; the acceptor they share, 3, has less history and would not propose first.
# "It's easy to construct a scenario in which two proposers each keep issuing a sequence of proposals with increasing numbers,
# none of which are ever chosen" (Paxos Made Simple, 2.4).

== First 1 and 2 get some history that 3 does not have.

== Then all start, with 1 and 2 cut from each other. Who is refused tries again at once.
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
[   93] 1  it is time                                   -> writes promise of attempt 2 ballot 2.1, value 1 accepted in ballot 1.1
[   95] 1  promise of attempt 2 ballot 2.1, value 1 accepted in ballot 1.1 is durable
                                                        -> PREPARE attempt 2 ballot 2.1 to 3
[   96] 3  PREPARE attempt 2 ballot 2.1 from 1
[  110] 3  promise of attempt 2 ballot 1.2 is durable   -> writes promise of attempt 2 ballot 2.1,
                                                           PROMISE attempt 2 ballot 1.2, nothing accepted, log 0.0 (epoch 0) to 2
[  111] 2  PROMISE attempt 2 ballot 1.2, nothing accepted, log 0.0 (epoch 0) from 3
                                                        -> writes value 2 accepted in attempt 2 ballot 1.2,
                                                           ACCEPT attempt 2 ballot 1.2 value 2 to 3
[  112] 3  ACCEPT attempt 2 ballot 1.2 value 2 from 2   -> NACK, promised attempt 2 ballot 2.1 to 2
[  113] 2  NACK, promised attempt 2 ballot 2.1 from 3
[  113] 2  value 2 accepted in attempt 2 ballot 1.2 is durable
[  114] 2  it is time                                   -> writes promise of attempt 2 ballot 3.2, value 2 accepted in ballot 1.2
[  116] 2  promise of attempt 2 ballot 3.2, value 2 accepted in ballot 1.2 is durable
                                                        -> PREPARE attempt 2 ballot 3.2 to 3
[  117] 3  PREPARE attempt 2 ballot 3.2 from 2
[  132] 3  promise of attempt 2 ballot 2.1 is durable   -> writes promise of attempt 2 ballot 3.2,
                                                           PROMISE attempt 2 ballot 2.1, nothing accepted, log 0.0 (epoch 0) to 1
[  133] 1  PROMISE attempt 2 ballot 2.1, nothing accepted, log 0.0 (epoch 0) from 3
                                                        -> writes value 1 accepted in attempt 2 ballot 2.1,
                                                           ACCEPT attempt 2 ballot 2.1 value 1 to 3
[  134] 3  ACCEPT attempt 2 ballot 2.1 value 1 from 1   -> NACK, promised attempt 2 ballot 3.2 to 1
[  135] 1  NACK, promised attempt 2 ballot 3.2 from 3
[  135] 1  value 1 accepted in attempt 2 ballot 2.1 is durable
[  136] 1  it is time                                   -> writes promise of attempt 2 ballot 4.1, value 1 accepted in ballot 2.1
[  138] 1  promise of attempt 2 ballot 4.1, value 1 accepted in ballot 2.1 is durable
                                                        -> PREPARE attempt 2 ballot 4.1 to 3
[  139] 3  PREPARE attempt 2 ballot 4.1 from 1
[  154] 3  promise of attempt 2 ballot 3.2 is durable   -> writes promise of attempt 2 ballot 4.1,
                                                           PROMISE attempt 2 ballot 3.2, nothing accepted, log 0.0 (epoch 0) to 2
[  155] 2  PROMISE attempt 2 ballot 3.2, nothing accepted, log 0.0 (epoch 0) from 3
                                                        -> writes value 2 accepted in attempt 2 ballot 3.2,
                                                           ACCEPT attempt 2 ballot 3.2 value 2 to 3
[  156] 3  ACCEPT attempt 2 ballot 3.2 value 2 from 2   -> NACK, promised attempt 2 ballot 4.1 to 2
[  157] 2  NACK, promised attempt 2 ballot 4.1 from 3
[  157] 2  value 2 accepted in attempt 2 ballot 3.2 is durable
[  158] 2  it is time                                   -> writes promise of attempt 2 ballot 5.2, value 2 accepted in ballot 3.2

== After 20 s they are still at it.
[   14] 3  promise of attempt 2 ballot 913.2 is durable -> writes promise of attempt 2 ballot 914.1,
                                                           PROMISE attempt 2 ballot 913.2, nothing accepted, log 0.0 (epoch 0) to 2
[   15] 2  PROMISE attempt 2 ballot 913.2, nothing accepted, log 0.0 (epoch 0) from 3
                                                        -> writes value 2 accepted in attempt 2 ballot 913.2,
                                                           ACCEPT attempt 2 ballot 913.2 value 2 to 3
[   16] 3  ACCEPT attempt 2 ballot 913.2 value 2 from 2 -> NACK, promised attempt 2 ballot 914.1 to 2
[   17] 2  NACK, promised attempt 2 ballot 914.1 from 3
[   17] 2  value 2 accepted in attempt 2 ballot 913.2 is durable
[   18] 2  it is time                                   -> writes promise of attempt 2 ballot 915.2, value 2 accepted in ballot 913.2
[   20] 2  promise of attempt 2 ballot 915.2, value 2 accepted in ballot 913.2 is durable
                                                        -> PREPARE attempt 2 ballot 915.2 to 3
[   21] 3  PREPARE attempt 2 ballot 915.2 from 2
