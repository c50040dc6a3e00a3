/*
** The guard of a tenant's connection: what may be prepared (authorize.c), limits and cancelling (guard.c), rows as
** text (rows.c, cells.c, real.c), and the functions by which the platform drives it (node.c).
**
** One library is loaded twice: by SQLite into each tenant's connection (sqlite3_guard_init), which gains no SQL function by
** that, and by Node (napi_register_module_v1). So what drives the guard can be called from JavaScript and by no SQL
** text whatever.
*/
#ifndef GUARD_H
#define GUARD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include "sqlite3ext.h"

SQLITE_EXTENSION_INIT3

/* How a statement is held while it is prepared and whenever SQLite prepares it again. */
enum { MODE_TENANT = 0, MODE_READ_ONLY = 1, MODE_PLATFORM = 2 };

/* What a statement does, as told by the authorizer while it was prepared. */
enum {
  DOES_WRITE = 1,   /* changes anything: rows, schema, settings, the state of the transaction */
  DOES_ROWS = 2,    /* inserts, updates or deletes rows on its own account, not by a trigger */
  DOES_SCHEMA = 4,  /* creates, alters or drops */
  DOES_ROWID = 8,   /* inserts into a table whose new row has a rowid */
  DOES_EXPLAIN = 16, /* tells and does nothing */
  DOES_GROWS = 32   /* inserts, also by a trigger, updates, creates or alters: the file may need more room */
};

/* An extended result code of the guard's own: refused because it would write, and for no other reason. */
enum { WOULD_WRITE = SQLITE_AUTH | 255 << 8 };

/* Another one: ended by its time (Guard.untilNanos), not by an interrupt. */
enum { OUT_OF_TIME = SQLITE_INTERRUPT | 255 << 8 };

/* What a transaction is in: bits. */
enum { TRANSACTION_OPEN = 1, TRANSACTION_DEFERS = 2 /* foreign keys are violated that its end will check */ };

typedef struct {
  char *bytes;
  size_t length, capacity;
  int failed;
} Text;

typedef struct {
  char *key;  /* what stands before a cell in a row that is an object: {"name": */
  char *head; /* the column in the list of columns, up to its type: {"name":"id","type":" */
  size_t keyLength, headLength;
  int settled, type;
} Column;

typedef struct {
  sqlite3_stmt *stmt;
  int mode, does, vacuums, columnCount;
  Column *columns;
} Statement;

/* How rows are written: bits. A stream has its columns and its end in parts of their own, and every part whole. */
enum { FORMAT_ARRAYS = 1, FORMAT_STREAM = 2, FORMAT_CSV = 4 };

typedef struct {
  Statement *statement; /* the one that has been started and has not ended, or null */
  int format, stage, truncated;
  int stepped; /* what the last step returned */
  int64_t rows, partRows, rowsMax;
  double bytes, bytesMax, rowBytesMax;
  size_t taken, lastRow; /* of the guard's text: what the caller has, and where its last row begins */
  uint64_t startedNanos;
} Cursor;

typedef struct Guard {
  int id;
  pthread_t owner;
  sqlite3 *db;
  uint64_t running; /* number of the request that runs, 0 between requests; under the lock */
  atomic_int cancelled;
  uint64_t untilNanos; /* when what runs is ended, or 0; under the lock */
  int busyMs;
  uint64_t busySince;
  /* what is being prepared or stepped */
  int mode, recording, vacuuming, asked, does, deletes;
  char *insertDb, *insertInto;
  char refusal[256];
  int refusalCode;
  Statement **statements;
  int statementsMax;
  Cursor cursor;
  Text text;
} Guard;

enum { STAGE_HEAD, STAGE_ROWS, STAGE_MORE_ROWS, STAGE_DONE };
enum { TYPE_INTEGER, TYPE_REAL, TYPE_TEXT, TYPE_BLOB, TYPE_ANY };
enum { REAL_BYTES_MAX = 32, LIMITS = 13 };

/* authorize.c */
int authorize(void *guard, int action, const char *a, const char *b, const char *db, const char *by);
void forgetNotes(Guard *guard);

/* guard.c */
Guard *guardOf(int id);
int lastGuard(void);
uint64_t nowNanos(void);
void begin(Guard *guard, uint64_t request);
void end(Guard *guard);
int interrupt(int id, uint64_t request);
void allow(Guard *guard, uint64_t nanos);
void closeGuard(Guard *guard);
int addStatement(Guard *guard, Statement *statement);
void dropStatement(Guard *guard, int id);
int prepare(Guard *guard, const char *sql, size_t length, int mode, Statement **out, const char **problem);
int stepGuarded(Guard *guard, Statement *statement);
int transactionState(Guard *guard);

/* cells.c */
char *room(Text *text, size_t bytes);
void add(Text *text, const void *bytes, size_t length);
void addString(Text *text, const char *string);
void addInteger(Text *text, int64_t value);
void addSafeInteger(Text *text, int64_t value, const char *before, const char *after);
void addCsvText(Text *text, const unsigned char *at, size_t left);
int addCell(Text *text, sqlite3_stmt *stmt, int column, int type, double bytesMax);
int addCsvCell(Text *text, sqlite3_stmt *stmt, int column, double bytesMax);

/* rows.c */
void freeColumns(Statement *statement);
int startCursor(Guard *guard, Statement *statement);
int fillText(Guard *guard, size_t chunkBytes);
void endCursor(Guard *guard);

/* real.c */
int writeInteger(char *out, int64_t value);
int writeReal(char *out, double value);

#endif
