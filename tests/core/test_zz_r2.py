from core.test_cluster import *
async def test_a_redirection_without_a_host(cluster):
    nodes = [cluster.primary(shard) for shard in range(3)]
    for node in nodes: node.call("CONFIG SET", "cluster-preferred-endpoint-type", "unknown-endpoint")
    try:
        async with opened(cluster) as store:
            slot=key_slot(b"shop:1")
            await store.execute("SET","shop:1","v")
            with cluster.moving(slot, (cluster.shard_of(slot) + 1) % 3):
                await store.execute("SET","{shop:1}new","v")
            print("asked")
            cluster.move_slot(slot, (cluster.shard_of(slot) + 1) % 3)
            assert await store.get("shop:1") == b"v"
            assert await store.get_many(["shop:1","{shop:1}new"]) == [b"v", b"v"]
    finally:
        for node in nodes: node.call("CONFIG SET", "cluster-preferred-endpoint-type", "ip")
