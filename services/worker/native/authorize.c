/*
** What a tenant's statement may touch, asked by SQLite while it compiles, before anything acts. Beside answering,
** notes what the statement does.
*/
#include "guard.h"
#include <string.h>

enum { READS = 1, LOOKS_AT = 2, SETS = 4 };

static const struct {
  const char *name;
  int forms;
} PRAGMAS[] = {
    /* read without an argument; database_list is not among them, it would tell the path */
    {"auto_vacuum", READS}, {"busy_timeout", READS}, {"cache_size", READS}, {"cache_spill", READS},
    {"cell_size_check", READS}, {"collation_list", READS}, {"compile_options", READS}, {"data_version", READS},
    {"encoding", READS}, {"foreign_keys", READS}, {"freelist_count", READS}, {"function_list", READS},
    {"journal_mode", READS}, {"journal_size_limit", READS}, {"max_page_count", READS}, {"mmap_size", READS},
    {"module_list", READS}, {"page_count", READS}, {"page_size", READS}, {"pragma_list", READS},
    {"query_only", READS}, {"recursive_triggers", READS}, {"schema_version", READS}, {"secure_delete", READS},
    {"synchronous", READS}, {"temp_store", READS}, {"trusted_schema", READS}, {"wal_autocheckpoint", READS},
    /* the argument says what to look at */
    {"foreign_key_check", READS | LOOKS_AT}, {"foreign_key_list", LOOKS_AT}, {"index_info", LOOKS_AT},
    {"index_list", LOOKS_AT}, {"index_xinfo", LOOKS_AT}, {"integrity_check", READS | LOOKS_AT},
    {"quick_check", READS | LOOKS_AT}, {"table_info", LOOKS_AT}, {"table_list", READS | LOOKS_AT},
    {"table_xinfo", LOOKS_AT},
    /* the argument is a new value, kept in the database or forgotten at the end of the transaction */
    {"application_id", READS | SETS}, {"defer_foreign_keys", READS | SETS}, {"user_version", READS | SETS},
};

static const char *const MODULES[] = {"fts5", "fts5vocab", "rtree", "rtree_i32", "geopoly", 0};
static const char *const FUNCTIONS_DENIED[] = {"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", 0};
/* Tables that a module provides without having been created. */
static const char *const TABLES_DENIED[] = {"dbstat", "sqlite_dbpage", "sqlite_stmt", 0};

static int among(const char *name, const char *const *list) {
  for (; name && *list; list++)
    if (sqlite3_stricmp(name, *list) == 0) return 1;
  return 0;
}

static int formsOf(const char *pragma) {
  for (size_t at = 0; at < sizeof PRAGMAS / sizeof *PRAGMAS; at++)
    if (sqlite3_stricmp(pragma, PRAGMAS[at].name) == 0) return PRAGMAS[at].forms;
  return 0;
}

static int isOn(const char *value) {
  static const char *const ON[] = {"on", "yes", "true", "1", 0};
  return among(value, ON);
}

/* The first reason is the one that is told. */
static int refuseWith(Guard *guard, int code, const char *format, const char *name) {
  if (guard->refusal[0]) return SQLITE_DENY;
  guard->refusalCode = code;
  sqlite3_snprintf(sizeof guard->refusal, guard->refusal, format, name ? name : "");
  return SQLITE_DENY;
}

static int refuse(Guard *guard, const char *format, const char *name) {
  return refuseWith(guard, SQLITE_AUTH, format, name);
}

static int refuseToWrite(Guard *guard) {
  return refuseWith(guard, WOULD_WRITE, "the statement would write, and the request is read-only%s", "");
}

static int checkPragma(Guard *guard, const char *name, const char *argument) {
  int forms = formsOf(name);
  if (sqlite3_stricmp(name, "optimize") == 0 || (argument && forms & SETS)) {
    guard->does |= DOES_WRITE;
    return guard->mode == MODE_READ_ONLY ? refuseToWrite(guard) : SQLITE_OK;
  }
  if (argument ? forms & LOOKS_AT : forms) return SQLITE_OK;
  if (sqlite3_stricmp(name, "foreign_keys") == 0) {
    /* They are on already, so scripts that begin by saying so may. */
    if (isOn(argument)) return SQLITE_OK;
    return refuse(guard, "PRAGMA %.40s cannot be switched off; in a batch, PRAGMA defer_foreign_keys = ON checks them "
                         "at its end", name);
  }
  return refuse(guard, forms & READS ? "PRAGMA %.100s can be read here, not set" : "PRAGMA %.100s is not allowed", name);
}

static int checkTable(Guard *guard, const char *table) {
  if (sqlite3_strnicmp(table, "pragma_", 7) == 0 && !formsOf(table + 7))
    return refuse(guard, "the table %.100s is not allowed", table);
  if (among(table, TABLES_DENIED)) return refuse(guard, "the table %.100s is not allowed", table);
  return SQLITE_OK;
}

static int isSchemaTable(const char *table) {
  static const char *const NAMES[] = {"sqlite_master", "sqlite_temp_master", "sqlite_schema", "sqlite_temp_schema", 0};
  return among(table, NAMES);
}

/* R-trees prepare inserts into these tables of theirs when they are first touched; no tenant may write them. */
static int isRtreeShadow(const char *table) {
  static const char *const ENDS[] = {"_node", "_rowid", "_parent", 0};
  size_t length = strlen(table);
  for (int at = 0; ENDS[at]; at++) {
    size_t end = strlen(ENDS[at]);
    if (length > end && sqlite3_stricmp(table + length - end, ENDS[at]) == 0) return 1;
  }
  return 0;
}

void forgetNotes(Guard *guard) {
  guard->does = guard->asked = guard->deletes = 0;
  guard->refusal[0] = 0;
  sqlite3_free(guard->insertDb);
  sqlite3_free(guard->insertInto);
  guard->insertDb = guard->insertInto = 0;
}

static void noteInsert(Guard *guard, const char *table, const char *db) {
  if (guard->insertInto && (!isRtreeShadow(guard->insertInto) || isRtreeShadow(table))) return;
  sqlite3_free(guard->insertDb);
  sqlite3_free(guard->insertInto);
  guard->insertDb = sqlite3_mprintf("%s", db);
  guard->insertInto = sqlite3_mprintf("%s", table);
}

int authorize(void *argument, int action, const char *a, const char *b, const char *db, const char *by) {
  Guard *guard = argument;
  if (atomic_load(&guard->cancelled) && guard->mode != MODE_PLATFORM) return SQLITE_DENY;
  guard->asked = 1;
  /* VACUUM, while it runs, prepares statements of its own: for a transaction, and to attach a nameless file. */
  int vacuums = guard->vacuuming && !guard->recording;
  int platform = guard->mode == MODE_PLATFORM, temporary = db && sqlite3_stricmp(db, "temp") == 0;
  switch (action) {
    case SQLITE_INSERT:
      if (guard->recording && !by && !isSchemaTable(a)) noteInsert(guard, a, db);
      if (!isSchemaTable(a) && !isRtreeShadow(a)) guard->does |= DOES_GROWS;
      /* fall through */
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
      /* A DELETE says so before it says what its foreign keys update. */
      if (action == SQLITE_DELETE && !isSchemaTable(a)) guard->deletes = 1;
      if (action == SQLITE_UPDATE && !by && !guard->deletes && !isSchemaTable(a)) guard->does |= DOES_GROWS;
      /* A read-only request is held to sqlite3_stmt_readonly afterwards: a virtual table that is connected while
      ** a SELECT is prepared may prepare its own writing statements then. */
      if (!by && !isSchemaTable(a)) guard->does |= DOES_ROWS;
      return platform ? SQLITE_OK : checkTable(guard, a);
    case SQLITE_READ:
      return platform ? SQLITE_OK : checkTable(guard, a);
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      if (!platform && among(b, FUNCTIONS_DENIED)) return refuse(guard, "the function %.100s is not allowed", b);
      return SQLITE_OK;
    case SQLITE_PRAGMA:
      return platform ? SQLITE_OK : checkPragma(guard, a, b);
    case SQLITE_CREATE_VTABLE:
      if (!platform && !among(b, MODULES))
        return refuse(guard, "virtual tables may use fts5, fts5vocab, rtree, rtree_i32, geopoly, not %.100s", b);
      /* fall through */
    case SQLITE_CREATE_TABLE:
    case SQLITE_CREATE_INDEX:
    case SQLITE_CREATE_TRIGGER:
    case SQLITE_CREATE_VIEW:
    case SQLITE_ALTER_TABLE:
      guard->does |= DOES_GROWS;
      /* fall through */
    case SQLITE_DROP_TABLE:
    case SQLITE_DROP_INDEX:
    case SQLITE_DROP_TRIGGER:
    case SQLITE_DROP_VIEW:
    case SQLITE_DROP_VTABLE:
      guard->does |= DOES_WRITE | DOES_SCHEMA;
      if (temporary && !platform && action != SQLITE_ALTER_TABLE)
        return refuse(guard, "temporary %s are not allowed: the connection is shared", "objects");
      return guard->mode == MODE_READ_ONLY ? refuseToWrite(guard) : SQLITE_OK;
    case SQLITE_REINDEX:
    case SQLITE_ANALYZE:
      guard->does |= DOES_WRITE;
      return guard->mode == MODE_READ_ONLY ? refuseToWrite(guard) : SQLITE_OK;
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
      guard->does |= DOES_WRITE;
      if (platform || vacuums) return SQLITE_OK;
      return refuse(guard, "%.20s is not allowed here: use batch, which runs its statements in one transaction",
                    action == SQLITE_SAVEPOINT ? "SAVEPOINT" : a);
    case SQLITE_ATTACH:
      guard->does |= DOES_WRITE;
      if (platform || (vacuums && a && !*a)) return SQLITE_OK;
      return refuse(guard, vacuums ? "VACUUM INTO is not allowed%s" : "ATTACH is not allowed%s", "");
    case SQLITE_DETACH:
      guard->does |= DOES_WRITE;
      return platform ? SQLITE_OK : refuse(guard, "DETACH is not allowed%s", "");
    case SQLITE_CREATE_TEMP_TABLE:
    case SQLITE_CREATE_TEMP_INDEX:
    case SQLITE_CREATE_TEMP_TRIGGER:
    case SQLITE_CREATE_TEMP_VIEW:
    case SQLITE_DROP_TEMP_TABLE:
    case SQLITE_DROP_TEMP_INDEX:
    case SQLITE_DROP_TEMP_TRIGGER:
    case SQLITE_DROP_TEMP_VIEW:
      guard->does |= DOES_WRITE | DOES_SCHEMA;
      return platform ? SQLITE_OK
                      : refuse(guard, "temporary %s are not allowed: the connection is shared", "objects");
    default:
      return platform ? SQLITE_OK : refuse(guard, "the statement is not allowed%s", "");
  }
}
