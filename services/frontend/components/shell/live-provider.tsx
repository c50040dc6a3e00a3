'use client'

import {
  type ClientToServerEvents,
  type Database,
  REALTIME_PATH,
  type RealtimeChange,
  type RealtimeSnapshot,
  type ServerToClientEvents,
} from '@db-forge/contract'
import { type QueryClient, useQuery, useQueryClient } from '@tanstack/react-query'
import { createContext, type ReactNode, useContext, useEffect, useState } from 'react'
import type { Socket } from 'socket.io-client'
import { rememberJob } from '@/components/jobs/remember-job'
import { client, keys } from '@/lib/api'
import { newerOf, sortedByName, verdictOn, withDatabase, withoutDatabase } from '@/lib/realtime'

/** `polling`: the socket has been away for a while and requests stand in for it. `away`: they fail as well. */
export type LiveStatus = 'connecting' | 'live' | 'reconnecting' | 'polling' | 'away'

const POLL_MS = 4000
const PATIENCE_MS = 5000
const LiveContext = createContext<LiveStatus>('connecting')

const SocketContext = createContext<LiveSocket | null>(null)

export const useLiveStatus = () => useContext(LiveContext)

/** Null while there is no live connection. */
export const useLiveSocket = () => useContext(SocketContext)

/** How often to ask for what the socket would have told. */
export function usePollWhileNotLive(): number | false {
  return useLiveStatus() === 'live' ? false : POLL_MS
}

/** Keeps the query cache as the server sees it. */
export function LiveProvider({ children }: { readonly children: ReactNode }) {
  const queryClient = useQueryClient()
  const [status, setStatus] = useState<LiveStatus>('connecting')
  const [socket, setSocket] = useState<LiveSocket | null>(null)

  useEffect(() => {
    let ended = false
    let close = () => {}
    void import('socket.io-client').then(({ io }) => {
      if (ended) return
      const socket: LiveSocket = io({
        path: REALTIME_PATH,
        transports: ['websocket'],
        withCredentials: true,
        reconnectionDelayMax: 5000,
      })
      follow(socket, queryClient, setStatus)
      setSocket(socket)
      close = () => socket.close()
    })
    return () => {
      ended = true
      close()
    }
  }, [queryClient])

  useEffect(() => {
    if (status !== 'connecting' && status !== 'reconnecting') return
    const timer = setTimeout(() => setStatus('polling'), PATIENCE_MS)
    return () => clearTimeout(timer)
  }, [status])

  const { isError: isAway } = useQuery({
    queryKey: keys.alive,
    queryFn: ({ signal }) => client.platform.live({}, { signal }),
    enabled: status === 'polling',
    refetchInterval: POLL_MS,
    retry: false,
    gcTime: 0,
  })

  return (
    <LiveContext value={status === 'polling' && isAway ? 'away' : status}>
      <SocketContext value={status === 'live' ? socket : null}>{children}</SocketContext>
    </LiveContext>
  )
}

type LiveSocket = Socket<ServerToClientEvents, ClientToServerEvents>

function follow(
  socket: LiveSocket,
  queryClient: QueryClient,
  setStatus: (status: LiveStatus) => void,
) {
  let seq: number | null = null
  socket.on('snapshot', (snapshot) => {
    seq = snapshot.seq
    takeSnapshot(queryClient, snapshot)
    // What happened to jobs meanwhile was told to nobody here.
    void queryClient.invalidateQueries({ queryKey: keys.jobs })
    setStatus('live')
  })
  socket.on('change', (change) => {
    const verdict = verdictOn(seq, change)
    if (verdict === 'resync') socket.emit('resync')
    if (verdict !== 'apply') return
    seq = change.seq
    takeChange(queryClient, change)
  })
  socket.on('job', ({ job }) => rememberJob(queryClient, job))
  socket.on('disconnect', () => {
    seq = null
    setStatus('reconnecting')
    // Refused connections are not retried by themselves.
    if (!socket.active) socket.connect()
  })
  socket.on('connect_error', () => {
    if (!socket.active) setTimeout(() => socket.connect(), POLL_MS)
  })
}

/** A request under way was answered from an earlier moment, so its answer must not overwrite this. */
function takeSnapshot(queryClient: QueryClient, { databases }: RealtimeSnapshot) {
  void queryClient.cancelQueries({ queryKey: keys.databases, exact: true })
  queryClient.setQueryData(keys.databases, sortedByName(databases))
  for (const database of databases) takeOne(queryClient, database)
  // Databases shown that the snapshot does not hold are gone; asking says so.
  const names = new Set(databases.map(({ name }) => name.toLowerCase()))
  for (const query of queryClient
    .getQueryCache()
    .findAll({ queryKey: ['database'], predicate: ({ queryKey }) => queryKey.length === 2 }))
    if (!names.has(String(query.queryKey[1])))
      void queryClient.invalidateQueries({ queryKey: query.queryKey, exact: true })
}

function takeChange(queryClient: QueryClient, change: RealtimeChange) {
  if (change.type === 'changed') {
    rememberDatabase(queryClient, change.database)
    return
  }
  queryClient.setQueryData<readonly Database[]>(
    keys.databases,
    (list) => list && withoutDatabase(list, change.id),
  )
  void queryClient.invalidateQueries({ queryKey: keys.deleted })
  void queryClient.invalidateQueries({ queryKey: keys.database(change.name), exact: true })
}

function takeOne(queryClient: QueryClient, database: Database) {
  const key = keys.database(database.name)
  if (!queryClient.getQueryState(key)) return
  void queryClient.cancelQueries({ queryKey: key, exact: true })
  queryClient.setQueryData<Database>(key, (known) => newerOf(known, database))
}

/** Takes in what an answer or an event said about a database. */
export function rememberDatabase(queryClient: QueryClient, database: Database) {
  queryClient.setQueryData<readonly Database[]>(
    keys.deleted,
    (list) => list && withoutDatabase(list, database.id),
  )
  queryClient.setQueryData<readonly Database[]>(
    keys.databases,
    (list) => list && withDatabase(list, database),
  )
  takeOne(queryClient, database)
}
