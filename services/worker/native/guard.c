/*
** The table of guarded connections: which request each runs, and how another thread ends just that one. And the
** preparing and stepping of a tenant's statement.
*/
#include "guard.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

SQLITE_EXTENSION_INIT1

enum { GUARDS_MAX = 256, STATEMENTS_MAX = 4096, BUSY_MS = 5000, TIMER_STACK_BYTES = 128 * 1024, TICK_NANOS = 5000000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Guard *guards[GUARDS_MAX];
static pthread_cond_t somethingTimed = PTHREAD_COND_INITIALIZER;
static int timerRuns;
static int lastId;
static _Thread_local int lastOfThread;

uint64_t nowNanos(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Under the lock. */
static Guard **slotOf(int id) {
  for (int at = 0; at < GUARDS_MAX; at++)
    if (guards[at] && guards[at]->id == id) return &guards[at];
  return 0;
}

/* The guard of a connection of the calling thread, which alone adds and removes it. */
Guard *guardOf(int id) {
  static _Thread_local Guard *known;
  static _Thread_local int knownId;
  static _Thread_local unsigned knownRemovals;
  static atomic_uint removals;
  if (id == 0) {
    atomic_fetch_add(&removals, 1);
    return 0;
  }
  if (known && knownId == id && knownRemovals == atomic_load(&removals)) return known;
  pthread_mutex_lock(&lock);
  Guard **slot = slotOf(id);
  known = slot && pthread_equal((*slot)->owner, pthread_self()) ? *slot : 0;
  knownId = id;
  knownRemovals = atomic_load(&removals);
  pthread_mutex_unlock(&lock);
  return known;
}

int lastGuard(void) {
  return lastOfThread;
}

void begin(Guard *guard, uint64_t request) {
  pthread_mutex_lock(&lock);
  guard->running = request;
  atomic_store(&guard->cancelled, 0);
  pthread_mutex_unlock(&lock);
}

void end(Guard *guard) {
  begin(guard, 0);
}

/*
** Ends a request if it is the one that runs. Returns whether it was: then call again until it is not, since SQLite
** forgets an interrupt that comes in the instant before a statement's first step. `cancelled` is not forgotten, but
** only looked at between steps, while something is prepared and while a lock is awaited.
*/
int interrupt(int id, uint64_t request) {
  pthread_mutex_lock(&lock);
  Guard **slot = slotOf(id);
  int runs = slot && request != 0 && (*slot)->running == request;
  if (runs) {
    atomic_store(&(*slot)->cancelled, 1);
    sqlite3_interrupt((*slot)->db);
  }
  pthread_mutex_unlock(&lock);
  return runs;
}

/* Ends what is out of time, as an interrupt does and as often. Returns whether anything is timed. */
static int endOutOfTime(void) {
  uint64_t now = nowNanos();
  int timed = 0;
  for (int at = 0; at < GUARDS_MAX; at++) {
    uint64_t until = guards[at] ? guards[at]->untilNanos : 0;
    if (until) timed = 1;
    if (until && until <= now) sqlite3_interrupt(guards[at]->db);
  }
  return timed;
}

/* A thread of its own, for SQLite is built here so that it asks nobody while it runs (no progress handler). */
static void *runTimer(void *unused) {
  const struct timespec tick = {0, TICK_NANOS};
  pthread_mutex_lock(&lock);
  for (;;) {
    while (!endOutOfTime()) pthread_cond_wait(&somethingTimed, &lock);
    pthread_mutex_unlock(&lock);
    nanosleep(&tick, 0);
    pthread_mutex_lock(&lock);
  }
  return unused;
}

static int startTimer(void) {
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, TIMER_STACK_BYTES);
  int rc = pthread_create(&thread, &attributes, runTimer, 0);
  pthread_attr_destroy(&attributes);
  return rc;
}

/* How long what the connection runs may take from now on, give or take a tick; for ever if 0, or if there is no thread
** to be had. */
void allow(Guard *guard, uint64_t nanos) {
  pthread_mutex_lock(&lock);
  guard->untilNanos = nanos ? nowNanos() + nanos : 0;
  if (nanos && !timerRuns) timerRuns = startTimer() == 0;
  else if (nanos) pthread_cond_signal(&somethingTimed);
  pthread_mutex_unlock(&lock);
}

static int awaitLock(void *argument, int count) {
  Guard *guard = argument;
  if (count == 0) guard->busySince = nowNanos();
  if (atomic_load(&guard->cancelled)) return 0;
  if (nowNanos() - guard->busySince >= (uint64_t)guard->busyMs * 1000000u) return 0;
  sqlite3_sleep(count < 4 ? 1 : count < 10 ? 2 : 5);
  return 1;
}

/* SQLite calls it when the connection is closed, while the handle is still good; an interrupt waits for it or
** finds nothing. */
static void removeGuard(void *argument) {
  Guard *guard = argument;
  pthread_mutex_lock(&lock);
  Guard **slot = slotOf(guard->id);
  if (slot) *slot = 0;
  pthread_mutex_unlock(&lock);
  guardOf(0);
  forgetNotes(guard);
  free(guard->text.bytes);
  free(guard->statements);
  free(guard);
}

static int addGuard(Guard *guard) {
  pthread_mutex_lock(&lock);
  int at = 0;
  while (at < GUARDS_MAX && guards[at]) at++;
  if (at < GUARDS_MAX) {
    lastOfThread = guard->id = ++lastId;
    guards[at] = guard;
  }
  pthread_mutex_unlock(&lock);
  return at < GUARDS_MAX;
}

__attribute__((visibility("default"))) int sqlite3_guard_init(sqlite3 *db, char **problem, const sqlite3_api_routines *api) {
  SQLITE_EXTENSION_INIT2(api);
  if (sqlite3_get_clientdata(db, "guard")) {
    *problem = sqlite3_mprintf("the connection is guarded already");
    return SQLITE_ERROR;
  }
  Guard *guard = calloc(1, sizeof *guard);
  if (!guard) return SQLITE_NOMEM;
  guard->db = db;
  guard->owner = pthread_self();
  guard->busyMs = BUSY_MS;
  if (!addGuard(guard)) {
    free(guard);
    *problem = sqlite3_mprintf("too many guarded connections");
    return SQLITE_ERROR;
  }
  int rc = sqlite3_set_clientdata(db, "guard", guard, removeGuard);
  if (rc) return rc;
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)0);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)0);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, (int *)0);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, 0, (int *)0);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, 0, (int *)0);
  sqlite3_busy_handler(db, awaitLock, guard);
  return sqlite3_set_authorizer(db, authorize, guard);
}

/* Ends what the platform holds of a connection, so that SQLite can close it. */
void closeGuard(Guard *guard) {
  endCursor(guard);
  for (int id = 0; id < guard->statementsMax; id++) dropStatement(guard, id);
}

int addStatement(Guard *guard, Statement *statement) {
  int id = 0;
  while (id < guard->statementsMax && guard->statements[id]) id++;
  if (id == guard->statementsMax) {
    int room = id ? id * 2 : 64;
    Statement **grown = room > STATEMENTS_MAX ? 0 : realloc(guard->statements, (size_t)room * sizeof *grown);
    if (!grown) return -1;
    memset(grown + id, 0, (size_t)(room - id) * sizeof *grown);
    guard->statements = grown;
    guard->statementsMax = room;
  }
  guard->statements[id] = statement;
  return id;
}

void dropStatement(Guard *guard, int id) {
  Statement *statement = guard->statements[id];
  if (!statement) return;
  if (guard->cursor.statement == statement) endCursor(guard);
  guard->statements[id] = 0;
  sqlite3_finalize(statement->stmt);
  freeColumns(statement);
  free(statement);
}

/* Over blanks, comments and empty statements. */
static const char *skipBlank(const char *at, const char *end) {
  while (at < end) {
    if (strchr(" \t\n\v\f\r;", *at)) at++;
    else if (end - at >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0) at += 3;
    else if (end - at >= 2 && memcmp(at, "--", 2) == 0)
      while (at < end && *at != '\n') at++;
    else if (end - at >= 2 && memcmp(at, "/*", 2) == 0) {
      for (at += 2; at < end && !(*at == '*' && at + 1 < end && at[1] == '/'); at++);
      at = at < end ? at + 2 : end;
    } else break;
  }
  return at;
}

/* VACUUM is the one statement that asks the authorizer nothing while it is prepared; its program tells whether it
** writes to a file. */
static int vacuumsInto(Guard *guard, sqlite3_stmt *stmt, const char *sql) {
  sqlite3_stmt *listing = stmt;
  int into = 0;
  if (!sqlite3_stmt_isexplain(stmt)) {
    char *text = sqlite3_mprintf("EXPLAIN %s", sql);
    int rc = text ? sqlite3_prepare_v2(guard->db, text, -1, &listing, 0) : SQLITE_NOMEM;
    sqlite3_free(text);
    if (rc != SQLITE_OK) return 1;
  }
  while (sqlite3_step(listing) == SQLITE_ROW) {
    const char *opcode = (const char *)sqlite3_column_text(listing, 1);
    if (opcode && strcmp(opcode, "Vacuum") == 0 && sqlite3_column_int(listing, 3) != 0) into = 1;
  }
  if (listing == stmt) sqlite3_reset(stmt);
  else sqlite3_finalize(listing);
  return into;
}

static int doesOf(Guard *guard, sqlite3_stmt *stmt) {
  /* Whoever may only read is refused the EXPLAIN of what the authorizer refuses: so it counts as writing here too. */
  if (sqlite3_stmt_isexplain(stmt)) return DOES_EXPLAIN | (guard->does & DOES_WRITE);
  /* What asks nothing does something that no question is about: VACUUM, or REINDEX with nothing to do. */
  int does = guard->asked ? guard->does : DOES_WRITE;
  if (sqlite3_stmt_readonly(stmt)) does &= ~DOES_ROWS;
  else does |= DOES_WRITE;
  if (does & DOES_SCHEMA) does &= ~DOES_ROWS;
  if (!(does & DOES_ROWS) || !guard->insertInto) return does;
  /* Found only in a table with a rowid: not in a view, nor WITHOUT ROWID. */
  int found = sqlite3_table_column_metadata(guard->db, guard->insertDb, guard->insertInto, "_rowid_", 0, 0, 0, 0, 0);
  return found == SQLITE_OK ? does | DOES_ROWID : does;
}

/* On failure either the code of SQLite, which has the message, or SQLITE_AUTH or SQLITE_MISUSE and a problem. */
int prepare(Guard *guard, const char *sql, size_t length, int mode, Statement **out, const char **problem) {
  sqlite3_stmt *stmt = 0;
  const char *end = sql + length, *tail = 0, *start = skipBlank(sql, end);
  *out = 0;
  *problem = 0;
  if (memchr(sql, 0, length)) {
    *problem = "SQL text may not contain NUL; bind it as a parameter";
    return SQLITE_AUTH;
  }
  if (length > (size_t)sqlite3_limit(guard->db, SQLITE_LIMIT_SQL_LENGTH, -1)) {
    *problem = "the text of the statement is too long";
    return SQLITE_TOOBIG;
  }
  forgetNotes(guard);
  guard->mode = mode;
  guard->recording = 1;
  int rc = atomic_load(&guard->cancelled) && mode != MODE_PLATFORM
               ? SQLITE_INTERRUPT
               : sqlite3_prepare_v3(guard->db, sql, (int)length, SQLITE_PREPARE_PERSISTENT, &stmt, &tail);
  int does = rc == SQLITE_OK && stmt ? doesOf(guard, stmt) : 0;
  if (rc != SQLITE_OK && guard->refusal[0]) {
    rc = guard->refusalCode;
    *problem = guard->refusal;
  }
  if (rc == SQLITE_OK && !stmt) {
    rc = SQLITE_MISUSE;
    *problem = "there is no statement in the text";
  } else if (rc == SQLITE_OK && skipBlank(tail, end) < end) {
    rc = SQLITE_MISUSE;
    *problem = "the text holds more than one statement: use batch";
  } else if (rc == SQLITE_OK && !guard->asked && mode != MODE_PLATFORM && vacuumsInto(guard, stmt, start)) {
    rc = SQLITE_AUTH;
    *problem = "VACUUM INTO is not allowed";
  } else if (rc == SQLITE_OK && mode == MODE_READ_ONLY && does & DOES_WRITE) {
    rc = WOULD_WRITE;
    *problem = "the statement would write, and the request is read-only";
  }
  guard->recording = 0;
  guard->mode = MODE_TENANT;
  if (rc == SQLITE_OK && !(*out = calloc(1, sizeof **out))) rc = SQLITE_NOMEM;
  if (rc != SQLITE_OK) {
    if (*problem) sqlite3_finalize(stmt);
    if (atomic_load(&guard->cancelled)) *problem = 0, rc = SQLITE_INTERRUPT;
    return rc;
  }
  **out = (Statement){.stmt = stmt, .mode = mode, .does = does, .vacuums = !guard->asked};
  return SQLITE_OK;
}

/* One step, with the authorizer set for what SQLite may have to prepare on the way. */
int stepGuarded(Guard *guard, Statement *statement) {
  if (atomic_load(&guard->cancelled) && statement->mode != MODE_PLATFORM) {
    if (!sqlite3_stmt_busy(statement->stmt)) return SQLITE_INTERRUPT;
    /* Left like that, what it has written would be committed. */
    sqlite3_interrupt(guard->db);
  }
  guard->mode = statement->mode;
  guard->vacuuming = statement->vacuums;
  int rc = sqlite3_step(statement->stmt);
  guard->vacuuming = 0;
  guard->mode = MODE_TENANT;
  return rc;
}

int transactionState(Guard *guard) {
  int violations = 0, highest;
  if (sqlite3_get_autocommit(guard->db)) return 0;
  sqlite3_db_status(guard->db, SQLITE_DBSTATUS_DEFERRED_FKS, &violations, &highest, 0);
  return TRANSACTION_OPEN | (violations ? TRANSACTION_DEFERS : 0);
}
