#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kazoo, the client library of Python, and its recipes; changes when we ask more of it."""

import logging
import threading

import rawzk
from harness import Case, main, need, wait_until

try:
    from kazoo import exceptions
    from kazoo.client import KazooClient, KazooState
    from kazoo.recipe.cache import TreeCache
    from kazoo.recipe.partitioner import PartitionState
    from kazoo.security import make_acl, make_digest_acl, OPEN_ACL_UNSAFE
except ImportError:
    KazooClient = None


class Kazoo(Case):
    settings = {"minSessionTimeout": "1000", "tickTime": "500", "znode.container.checkIntervalMs": "60000"}

    def client(self, **arguments):
        client = KazooClient(hosts=self.server.address, timeout=arguments.pop("timeout", 10.0), **arguments)
        client.start(timeout=15)
        self.addCleanup(self.close, client)
        return client

    @staticmethod
    def close(client):
        client.stop()
        client.close()

    def test_nodes(self):
        zk = self.client()
        p = self.path()
        self.assertEqual(zk.create(p + "/a/b", b"data", makepath=True), p + "/a/b")
        data, stat = zk.get(p + "/a/b")
        self.assertEqual((data, stat.version, stat.data_length), (b"data", 0, 4))
        self.assertEqual(zk.set(p + "/a/b", b"new", version=0).version, 1)
        self.assertRaises(exceptions.BadVersionError, zk.set, p + "/a/b", b"", 0)
        self.assertRaises(exceptions.NodeExistsError, zk.create, p + "/a")
        self.assertRaises(exceptions.NoNodeError, zk.get, p + "/x")
        self.assertRaises(exceptions.NotEmptyError, zk.delete, p)
        self.assertIsNone(zk.exists(p + "/x"))
        self.assertEqual(zk.create(p + "/s-", sequence=True), p + "/s-0000000001")
        path, stat = zk.create(p + "/c", b"x", include_data=True)
        self.assertEqual((path, stat.data_length), (p + "/c", 1))
        self.assertEqual(sorted(zk.get_children(p)), ["a", "c", "s-0000000001"])
        self.assertEqual(zk.sync(p), p)
        zk.delete(p, recursive=True)
        self.assertIsNone(zk.exists(p))
        self.assertEqual(zk.server_version()[0], 3)

    def test_lists_of_permissions(self):
        zk = self.client(auth_data=[("digest", "bob:pw")])
        other = self.client()
        p = self.path()
        acl = make_digest_acl("bob", "pw", all=True)
        zk.create(p, b"secret", acl=[acl])
        self.assertEqual(zk.get_acls(p)[0], [acl])
        self.assertRaises(exceptions.NoAuthError, other.get, p)
        other.add_auth("digest", "bob:pw")
        self.assertEqual(other.get(p)[0], b"secret")
        zk.set_acls(p, OPEN_ACL_UNSAFE)
        self.assertEqual(self.client().get(p)[0], b"secret")
        self.assertRaises(exceptions.InvalidACLError, zk.create, p + "/x", acl=[make_acl("nonsense", "x", all=True)])

    def test_transactions(self):
        zk = self.client()
        p = self.path()
        transaction = zk.transaction()
        transaction.create(p)
        transaction.create(p + "/a", b"1")
        transaction.set_data(p + "/a", b"2")
        transaction.check(p + "/a", 1)
        transaction.delete(p + "/a")
        results = transaction.commit()
        self.assertEqual(results[:2], [p, p + "/a"])
        self.assertEqual(results[2].version, 1)
        self.assertEqual(results[3:], [True, True])
        transaction = zk.transaction()
        transaction.create(p + "/b")
        transaction.check(p, 7)
        transaction.delete(p)
        kinds = [type(result) for result in transaction.commit()]
        self.assertEqual(kinds, [exceptions.RolledBackError, exceptions.BadVersionError, exceptions.RuntimeInconsistency])

    def test_watchers(self):
        zk, other = self.client(), self.client()
        p = self.path()
        zk.create(p, b"0")
        values, lists = [], []
        zk.DataWatch(p, lambda data, stat: values.append(data))
        zk.ChildrenWatch(p, lambda children: lists.append(sorted(children)))
        other.set(p, b"1")
        wait_until(lambda: values == [b"0", b"1"], "the data watch")
        other.create(p + "/a")
        wait_until(lambda: lists == [[], ["a"]], "the children watch")
        other.delete(p + "/a")
        other.delete(p)
        wait_until(lambda: values[-1] is None, "the end of the node")

    def test_ephemerals_and_a_session_that_is_lost(self):
        zk = self.client(timeout=1.5)
        other = self.client()
        p = self.path()
        zk.create(p, ephemeral=True)
        states = []
        zk.add_listener(states.append)
        session, password = zk.client_id
        hello = rawzk.connect_request(session=session, password=password)
        end = rawzk.i32(1) + rawzk.i32(rawzk.CLOSE_SESSION)
        thief = self.connect(handshake=False)
        thief.raw(rawzk.i32(len(hello)) + hello + rawzk.i32(len(end)) + end)
        wait_until(lambda: KazooState.LOST in states, "the loss is told", 15)
        wait_until(lambda: zk.connected and zk.client_id[0] != session, "a new session", 15)
        wait_until(lambda: other.exists(p) is None, "the ephemeral goes", 15)

    def test_a_client_goes_on_after_a_restart_of_the_server(self):
        zk = self.client(timeout=20.0)
        p = self.path()
        zk.create(p, b"kept", ephemeral=True)
        session = zk.client_id[0]
        states = []
        zk.add_listener(states.append)
        self.server.kill()
        wait_until(lambda: KazooState.SUSPENDED in states, "the loss of the connection")
        self.server.start()
        wait_until(lambda: zk.connected and states[-1] == KazooState.CONNECTED, "the connection is back", 20)
        self.assertEqual(zk.client_id[0], session)
        self.assertEqual(zk.retry(zk.get, p)[0], b"kept")

    def test_lock(self):
        p = self.path()
        order = []

        def work(name):
            zk = self.client()
            lock = zk.Lock(p, name)
            for _ in range(5):
                with lock:
                    order.append(name)
                    order.append(name)
        threads = [threading.Thread(target=work, args=("w%d" % i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual(len(order), 40)
        self.assertTrue(all(order[i] == order[i + 1] for i in range(0, 40, 2)))
        zk = self.client()
        lock, waiting = zk.Lock(p, "one"), self.client().Lock(p, "two")
        self.assertTrue(lock.acquire(timeout=5))
        self.assertFalse(waiting.acquire(blocking=False))
        self.assertEqual(lock.contenders(), ["one"])
        lock.release()

    def test_read_write_lock_and_semaphore(self):
        zk, other = self.client(), self.client()
        p = self.path()
        first, second, writer = zk.ReadLock(p), other.ReadLock(p), other.WriteLock(p)
        self.assertTrue(first.acquire(timeout=5) and second.acquire(timeout=5))
        self.assertFalse(writer.acquire(blocking=False))
        first.release()
        second.release()
        self.assertTrue(writer.acquire(timeout=5))
        writer.release()
        one, two = zk.Semaphore(p + "s", max_leases=1), other.Semaphore(p + "s", max_leases=1)
        self.assertTrue(one.acquire(timeout=5))
        self.assertFalse(two.acquire(blocking=False))
        one.release()
        self.assertTrue(two.acquire(timeout=5))

    def test_election(self):
        p = self.path()
        leaders, release = [], threading.Event()

        def run(name):
            zk = self.client()
            zk.Election(p, name).run(lambda: (leaders.append(name), release.wait(10)))
        threads = [threading.Thread(target=run, args=("c%d" % i,)) for i in range(3)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(leaders) == 1, "one leads")
        wait_until(lambda: len(self.client().Election(p).contenders()) == 3, "three contend")
        release.set()
        for thread in threads:
            thread.join(20)
        self.assertEqual(sorted(leaders), ["c0", "c1", "c2"])

    def test_queues(self):
        zk = self.client()
        p = self.path()
        queue = zk.Queue(p)
        for priority, text in ((100, b"b"), (100, b"c"), (50, b"a")):
            queue.put(text, priority)
        self.assertEqual(len(queue), 3)
        self.assertEqual([queue.get() for _ in range(4)], [b"a", b"b", b"c", None])
        locking = zk.LockingQueue(p + "l")
        locking.put_all([b"x", b"y"])
        self.assertEqual(locking.get(timeout=5), b"x")
        self.assertTrue(locking.consume())
        self.assertEqual(locking.get(timeout=5), b"y")

    def test_counter(self):
        p = self.path()
        clients = [self.client() for _ in range(3)]

        def add(zk):
            counter = zk.Counter(p)
            for _ in range(20):
                counter += 1
        threads = [threading.Thread(target=add, args=(zk,)) for zk in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual(clients[0].Counter(p).value, 60)

    def test_barriers(self):
        zk = self.client()
        p = self.path()
        barrier = zk.Barrier(p)
        barrier.create()
        self.assertFalse(barrier.wait(0.2))
        threading.Timer(0.2, self.client().Barrier(p).remove).start()
        self.assertTrue(barrier.wait(5))
        inside = []

        def enter(zk):
            double = zk.DoubleBarrier(p + "d", 2)
            double.enter()
            inside.append(1)
            double.leave()
        threads = [threading.Thread(target=enter, args=(self.client(),)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(15)
        self.assertEqual(len(inside), 2)

    def test_tree_cache(self):
        zk, other = self.client(), self.client()
        p = self.path()
        zk.create(p + "/a/b", b"0", makepath=True)
        cache = TreeCache(zk, p)
        cache.start()
        wait_until(lambda: cache.get_data(p + "/a/b") and cache.get_data(p + "/a/b").data == b"0", "the cache is filled")
        other.set(p + "/a/b", b"1")
        other.create(p + "/a/c", b"2")
        wait_until(lambda: cache.get_data(p + "/a/b").data == b"1", "a change arrives")
        wait_until(lambda: sorted(cache.get_children(p + "/a") or []) == ["b", "c"], "a child arrives")
        other.delete(p + "/a", recursive=True)
        wait_until(lambda: cache.get_data(p + "/a") is None, "the end arrives")
        cache.close()

    def test_party_and_partitioner(self):
        zk, other = self.client(), self.client()
        p = self.path()
        one, two = zk.Party(p, "one"), other.Party(p, "two")
        one.join()
        two.join()
        self.assertEqual(sorted(one), ["one", "two"])
        two.leave()
        self.assertEqual(len(one), 1)
        partitioner = zk.SetPartitioner(p + "p", set=("x", "y", "z"), time_boundary=0.2)
        partitioner.wait_for_acquire(10)
        self.assertEqual(partitioner.state, PartitionState.ACQUIRED)
        self.assertEqual(sorted(partitioner), ["x", "y", "z"])
        partitioner.finish()

    def test_many_requests_in_flight(self):
        zk = self.client()
        p = self.path()
        zk.create(p)
        made = [zk.create_async("%s/%04d" % (p, i), b"x" * 100) for i in range(1000)]
        read = [zk.get_async("%s/%04d" % (p, i)) for i in range(1000)]
        self.assertEqual([m.get(timeout=20) for m in made], ["%s/%04d" % (p, i) for i in range(1000)])
        self.assertEqual({r.get(timeout=20)[0] for r in read}, {b"x" * 100})
        self.assertEqual(zk.exists(p).numChildren, 1000)


if __name__ == "__main__":
    logging.disable(logging.ERROR)
    need(KazooClient, "no kazoo here (package python3-kazoo)")
    main()
