// What a worker takes that has been asked once and is idle: by its cgroup where it has one, by its own pages elsewhere.
import { startGateway } from './gateway.mjs'
import { pause, round } from './machine.mjs'
import { cgroupMb, memoryCgroup, pssMb, rssMb, workerPid } from './processes.mjs'

export async function measure({ runtime, short }) {
  const gateway = await startGateway(runtime)
  const workers = []
  for (const name of ['one', 'two', 'three']) {
    const { id } = await gateway.spawn(name)
    await gateway.query(name, { sql: 'create table t (a)' })
    await gateway.query(name, { sql: 'select * from t' })
    workers.push({ name, pid: workerPid(id) })
  }
  await pause(short ? 2000 : 20_000)
  const rows = workers.map(({ name, pid }) => {
    const cgroup = runtime === 'docker' ? memoryCgroup(pid) : null
    return {
      name,
      cgroupMb: cgroup ? round(cgroupMb(cgroup), 1) : null,
      rssMb: round(rssMb(pid), 1),
      pssMb: round(pssMb(pid), 1),
    }
  })
  await gateway.end()
  return { rows }
}
