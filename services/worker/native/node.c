/* The functions by which the platform drives the guards of its thread's connections, and interrupts any. */
#include "guard.h"
#include "node-api.h"
#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS_MAX = 9, STATE_DONE = 0, STATE_MORE = 1, STATE_RESHAPE = 2 };

typedef struct {
  napi_env env;
  napi_value arguments[ARGUMENTS_MAX];
  Guard *guard; /* the one that the first argument names */
} Call;

static napi_value misuse(napi_env env, const char *message) {
  napi_throw_type_error(env, 0, message);
  return 0;
}

static double numberAt(Call *call, int at) {
  double value = 0;
  napi_get_value_double(call->env, call->arguments[at], &value);
  return value;
}

static int intAt(Call *call, int at) {
  int32_t value = 0;
  napi_get_value_int32(call->env, call->arguments[at], &value);
  return value;
}

static napi_value number(napi_env env, double value) {
  napi_value result = 0;
  napi_create_double(env, value, &result);
  return result;
}

static napi_value string(napi_env env, const char *text) {
  napi_value result = 0;
  if (text) napi_create_string_utf8(env, text, strlen(text), &result);
  else napi_get_null(env, &result);
  return result;
}

/* Copies a string's UTF-8, with a NUL behind; to be freed. */
static char *copyString(napi_env env, napi_value value, size_t *length) {
  if (napi_get_value_string_utf8(env, value, 0, 0, length)) return 0;
  char *copy = malloc(*length + 1);
  if (copy) napi_get_value_string_utf8(env, value, copy, *length + 1, length);
  return copy;
}

static int take(Call *call, napi_env env, napi_callback_info info) {
  size_t count = ARGUMENTS_MAX;
  call->env = env;
  if (napi_get_cb_info(env, info, &count, call->arguments, 0, 0)) return 0;
  call->guard = guardOf(intAt(call, 0));
  if (!call->guard) misuse(env, "no such connection in this thread");
  return call->guard != 0;
}

static Statement *statementAt(Call *call, int at) {
  int id = intAt(call, at);
  Guard *guard = call->guard;
  Statement *statement = id >= 0 && id < guard->statementsMax ? guard->statements[id] : 0;
  if (!statement) misuse(call->env, "no such statement");
  return statement;
}

static napi_value throwSqlError(napi_env env, Guard *guard, int rc, const char *problem) {
  napi_value error;
  int primary = rc & 0xff, offset = -1;
  if (atomic_load(&guard->cancelled) && (primary == SQLITE_AUTH || primary == SQLITE_BUSY || primary == SQLITE_INTERRUPT)) {
    rc = SQLITE_INTERRUPT;
    problem = "interrupted";
  } else if (guard->untilNanos && primary == SQLITE_INTERRUPT) {
    rc = OUT_OF_TIME;
    problem = "out of time";
  } else if (!problem && guard->refusal[0]) {
    rc = guard->refusalCode;
    problem = guard->refusal;
  }
  if (!problem) {
    rc = sqlite3_extended_errcode(guard->db);
    problem = sqlite3_errmsg(guard->db);
    offset = sqlite3_error_offset(guard->db);
  }
  napi_create_error(env, 0, string(env, problem), &error);
  napi_set_named_property(env, error, "resultCode", number(env, rc));
  napi_set_named_property(env, error, "offset", number(env, offset));
  napi_throw(env, error);
  return 0;
}

static napi_value columnsOf(napi_env env, sqlite3_stmt *stmt) {
  napi_value list, column;
  napi_create_array(env, &list);
  for (int at = 0; at < sqlite3_column_count(stmt); at++) {
    napi_create_object(env, &column);
    napi_set_named_property(env, column, "name", string(env, sqlite3_column_name(stmt, at)));
    napi_set_named_property(env, column, "declared", string(env, sqlite3_column_decltype(stmt, at)));
    napi_set_element(env, list, (uint32_t)at, column);
  }
  return list;
}

/* (): the connection that was last guarded in this thread */
static napi_value jsLastGuard(napi_env env, napi_callback_info info) {
  (void)info;
  return number(env, lastGuard());
}

/* (connection, busyMs, limits): by SQLITE_LIMIT_…; a negative one stays as it is */
static napi_value jsLimit(napi_env env, napi_callback_info info) {
  Call call;
  if (!take(&call, env, info)) return 0;
  call.guard->busyMs = intAt(&call, 1);
  for (uint32_t at = 0; at < LIMITS; at++) {
    napi_value value;
    int32_t limit = -1;
    if (napi_get_element(env, call.arguments[2], at, &value) || napi_get_value_int32(env, value, &limit)) break;
    sqlite3_limit(call.guard->db, (int)at, limit);
  }
  return 0;
}

/* (connection, request) */
static napi_value jsBegin(napi_env env, napi_callback_info info) {
  Call call;
  if (take(&call, env, info)) begin(call.guard, (uint64_t)numberAt(&call, 1));
  return 0;
}

/* (connection) */
static napi_value jsEnd(napi_env env, napi_callback_info info) {
  Call call;
  if (take(&call, env, info)) end(call.guard);
  return 0;
}

/* (connection, request): whether it runs; in any thread */
static napi_value jsInterrupt(napi_env env, napi_callback_info info) {
  Call call = {.env = env};
  size_t count = ARGUMENTS_MAX;
  napi_value result;
  napi_get_cb_info(env, info, &count, call.arguments, 0, 0);
  napi_get_boolean(env, interrupt(intAt(&call, 0), (uint64_t)numberAt(&call, 1)), &result);
  return result;
}

/* (connection, sql, mode): {id, does, bytes, parameters, columns} */
static napi_value jsPrepare(napi_env env, napi_callback_info info) {
  Call call;
  size_t length;
  Statement *statement;
  const char *problem;
  if (!take(&call, env, info)) return 0;
  char *sql = copyString(env, call.arguments[1], &length);
  if (!sql) return misuse(env, "the text of the statement is missing");
  int rc = prepare(call.guard, sql, length, intAt(&call, 2), &statement, &problem);
  free(sql);
  if (rc != SQLITE_OK) return throwSqlError(env, call.guard, rc, problem);
  int id = addStatement(call.guard, statement);
  if (id < 0) {
    sqlite3_finalize(statement->stmt);
    free(statement);
    return misuse(env, "too many statements");
  }
  napi_value result, parameters;
  napi_create_array(env, &parameters);
  for (int at = 1; at <= sqlite3_bind_parameter_count(statement->stmt); at++)
    napi_set_element(env, parameters, (uint32_t)at - 1, string(env, sqlite3_bind_parameter_name(statement->stmt, at)));
  napi_create_object(env, &result);
  napi_set_named_property(env, result, "id", number(env, id));
  napi_set_named_property(env, result, "does", number(env, statement->does));
  napi_set_named_property(env, result, "bytes", number(env, sqlite3_stmt_status(statement->stmt, SQLITE_STMTSTATUS_MEMUSED, 0)));
  napi_set_named_property(env, result, "parameters", parameters);
  napi_set_named_property(env, result, "columns", columnsOf(env, statement->stmt));
  return result;
}

/* (connection, statement) */
static napi_value jsFinalize(napi_env env, napi_callback_info info) {
  Call call;
  if (take(&call, env, info) && statementAt(&call, 1)) dropStatement(call.guard, intAt(&call, 1));
  return 0;
}

/* (connection, statement): its columns as they are now */
static napi_value jsColumns(napi_env env, napi_callback_info info) {
  Call call;
  Statement *statement;
  if (!take(&call, env, info) || !(statement = statementAt(&call, 1))) return 0;
  return columnsOf(env, statement->stmt);
}

/* (connection, statement, types, keys, heads): how its rows are written; a type below 0 is that of the first cell */
static napi_value jsShape(napi_env env, napi_callback_info info) {
  Call call;
  Statement *statement;
  uint32_t count;
  if (!take(&call, env, info) || !(statement = statementAt(&call, 1))) return 0;
  if (napi_get_array_length(env, call.arguments[2], &count) || (int)count != sqlite3_column_count(statement->stmt))
    return misuse(env, "another number of columns");
  freeColumns(statement);
  statement->columns = calloc(count ? count : 1, sizeof *statement->columns);
  if (!statement->columns) return misuse(env, "out of memory");
  for (uint32_t at = 0; at < count; at++) {
    Column *column = &statement->columns[at];
    napi_value value;
    int32_t type = -1;
    napi_get_element(env, call.arguments[2], at, &value);
    napi_get_value_int32(env, value, &type);
    column->settled = type >= TYPE_INTEGER && type <= TYPE_ANY;
    column->type = column->settled ? type : TYPE_ANY;
    napi_get_element(env, call.arguments[3], at, &value);
    column->key = copyString(env, value, &column->keyLength);
    napi_get_element(env, call.arguments[4], at, &value);
    column->head = copyString(env, value, &column->headLength);
    statement->columnCount = (int)at + 1;
    if (!column->key || !column->head) {
      freeColumns(statement);
      return misuse(env, "a column has no text");
    }
  }
  return 0;
}

static int bindText(napi_env env, sqlite3_stmt *stmt, int at, napi_value value) {
  char small[512];
  size_t length;
  if (!napi_get_value_string_utf8(env, value, small, sizeof small, &length) && length < sizeof small - 4)
    return sqlite3_bind_text64(stmt, at, small, length, SQLITE_TRANSIENT, SQLITE_UTF8);
  char *copy = copyString(env, value, &length);
  return copy ? sqlite3_bind_text64(stmt, at, copy, length, free, SQLITE_UTF8) : SQLITE_NOMEM;
}

/* A Float64Array holds one real that shall not become an integer. */
static int bindArray(napi_env env, sqlite3_stmt *stmt, int at, napi_value value) {
  bool isArray = false;
  int type;
  size_t length;
  void *data;
  if (napi_is_typedarray(env, value, &isArray) || !isArray) return SQLITE_MISMATCH;
  napi_get_typedarray_info(env, value, &type, &length, &data, 0, 0);
  if (type == napi_float64_array && length == 1) return sqlite3_bind_double(stmt, at, *(double *)data);
  if (type != napi_uint8_array) return SQLITE_MISMATCH;
  if (length == 0) return sqlite3_bind_zeroblob(stmt, at, 0);
  return sqlite3_bind_blob64(stmt, at, data, length, SQLITE_TRANSIENT);
}

static int bindValue(napi_env env, sqlite3_stmt *stmt, int at, napi_value value) {
  int type = napi_undefined;
  bool flag = false;
  double real;
  int64_t integer;
  napi_typeof(env, value, &type);
  switch (type) {
    case napi_null:
      return sqlite3_bind_null(stmt, at);
    case napi_boolean:
      napi_get_value_bool(env, value, &flag);
      return sqlite3_bind_int(stmt, at, flag);
    case napi_number:
      /* JSON has one kind of number: those without a fraction are integers. */
      napi_get_value_double(env, value, &real);
      if (real >= -9007199254740991.0 && real <= 9007199254740991.0 && real == (double)(int64_t)real &&
          !(real == 0 && __builtin_signbit(real)))
        return sqlite3_bind_int64(stmt, at, (int64_t)real);
      return sqlite3_bind_double(stmt, at, real);
    case napi_bigint:
      napi_get_value_bigint_int64(env, value, &integer, &flag);
      return flag ? sqlite3_bind_int64(stmt, at, integer) : SQLITE_MISMATCH;
    case napi_string:
      return bindText(env, stmt, at, value);
    case napi_object:
      return bindArray(env, stmt, at, value);
    default:
      return SQLITE_MISMATCH;
  }
}

/* Returns 0 once it has thrown. */
static int fill(Call *call, size_t bytes) {
  Guard *guard = call->guard;
  int rc = fillText(guard, bytes);
  if (rc == SQLITE_ROW || rc == SQLITE_DONE) return 1;
  int own = rc == SQLITE_TOOBIG || rc == SQLITE_NOMEM;
  if (own && guard->cursor.stepped == SQLITE_ROW)
    throwSqlError(call->env, guard, rc, rc == SQLITE_TOOBIG ? "a row is larger than an answer may be" : "out of memory");
  else throwSqlError(call->env, guard, rc, 0);
  endCursor(guard);
  return 0;
}

/* Room in the caller's memory; null once it has thrown. */
static void *roomAt(Call *call, int at, size_t *bytes) {
  void *out;
  int type;
  if (!napi_get_typedarray_info(call->env, call->arguments[at], &type, bytes, &out, 0, 0) && type == napi_uint8_array && *bytes > 0)
    return out;
  endCursor(call->guard);
  misuse(call->env, "there is no room for an answer");
  return 0;
}

/* Hands out what the text holds, whole rows if they fit: bytes × 4 + state. */
static napi_value deliver(Call *call, int outAt) {
  Guard *guard = call->guard;
  Cursor *cursor = &guard->cursor;
  size_t room;
  void *out = roomAt(call, outAt, &room);
  if (!out) return 0;
  if (cursor->taken == guard->text.length && cursor->stage != STAGE_DONE && !fill(call, room)) return 0;
  size_t bytes = guard->text.length - cursor->taken;
  if (bytes > room) bytes = cursor->lastRow > cursor->taken && cursor->lastRow - cursor->taken <= room ? cursor->lastRow - cursor->taken : room;
  memcpy(out, guard->text.bytes + cursor->taken, bytes);
  cursor->taken += bytes;
  int done = cursor->stage == STAGE_DONE && cursor->taken == guard->text.length;
  if (done) endCursor(guard);
  return number(call->env, (double)bytes * 4 + (done ? STATE_DONE : STATE_MORE));
}

static int bindValues(Call *call, Statement *statement) {
  uint32_t count;
  if (napi_get_array_length(call->env, call->arguments[2], &count) || (int)count != sqlite3_bind_parameter_count(statement->stmt)) {
    misuse(call->env, "another number of values than of parameters");
    return 0;
  }
  for (uint32_t at = 0; at < count; at++) {
    napi_value value;
    napi_get_element(call->env, call->arguments[2], at, &value);
    int rc = bindValue(call->env, statement->stmt, (int)at + 1, value);
    if (rc == SQLITE_OK) continue;
    if (rc == SQLITE_MISMATCH) misuse(call->env, "a value of a kind that cannot be bound");
    else throwSqlError(call->env, call->guard, rc, 0);
    return 0;
  }
  return 1;
}

/* (connection, statement, values, format, rowsMax, bytesMax, rowBytesMax[, out]): a statement's first step, and, unless
** it is a stream, what fits into the room of its answer */
static napi_value jsRun(napi_env env, napi_callback_info info) {
  Call call;
  Statement *statement;
  if (!take(&call, env, info) || !(statement = statementAt(&call, 1))) return 0;
  Guard *guard = call.guard;
  if (guard->cursor.statement) return misuse(env, "a statement is still open");
  if (!bindValues(&call, statement)) return 0;
  guard->cursor = (Cursor){.format = intAt(&call, 3), .rowsMax = (int64_t)numberAt(&call, 4),
                           .bytesMax = numberAt(&call, 5), .rowBytesMax = numberAt(&call, 6)};
  int rc = startCursor(guard, statement);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
    throwSqlError(env, guard, rc, 0);
    endCursor(guard);
    return 0;
  }
  /* The schema has changed since: the columns may be others. */
  if (sqlite3_stmt_status(statement->stmt, SQLITE_STMTSTATUS_REPREPARE, 1) > 0 || statement->columnCount != sqlite3_column_count(statement->stmt))
    if (sqlite3_column_count(statement->stmt) > 0) return number(env, STATE_RESHAPE);
  return guard->cursor.format & FORMAT_STREAM ? number(env, STATE_MORE) : deliver(&call, 7);
}

/* Whether a statement is open and its columns are those that were shaped; throws if not. */
static int isOpen(Call *call) {
  Statement *statement = call->guard->cursor.statement;
  if (!statement) {
    misuse(call->env, "no statement is open");
    return 0;
  }
  if (statement->columnCount == sqlite3_column_count(statement->stmt)) return 1;
  endCursor(call->guard);
  misuse(call->env, "the columns have changed and were not shaped");
  return 0;
}

/* (connection, out): the next part of what was started */
static napi_value jsMore(napi_env env, napi_callback_info info) {
  Call call;
  return take(&call, env, info) && isOpen(&call) ? deliver(&call, 1) : 0;
}

/* (connection, bytes): makes the next part of a stream, of about so many bytes: (rows × 2^32 + bytes) × 4 + state. `done`
** says that this one is its end. */
static napi_value jsPart(napi_env env, napi_callback_info info) {
  Call call;
  if (!take(&call, env, info) || !isOpen(&call) || !fill(&call, (size_t)numberAt(&call, 1))) return 0;
  Cursor *cursor = &call.guard->cursor;
  double rows = (double)cursor->partRows, bytes = (double)call.guard->text.length;
  return number(env, (rows * 4294967296.0 + bytes) * 4 + (cursor->stage == STAGE_DONE ? STATE_DONE : STATE_MORE));
}

/* (connection, out): that part, for which there must be room */
static napi_value jsTake(napi_env env, napi_callback_info info) {
  Call call;
  size_t room;
  void *out;
  if (!take(&call, env, info) || !isOpen(&call) || !(out = roomAt(&call, 1, &room))) return 0;
  Text *text = &call.guard->text;
  if (text->length > room) return misuse(env, "there is no room for the part");
  memcpy(out, text->bytes, text->length);
  if (call.guard->cursor.stage == STAGE_DONE) endCursor(call.guard);
  return 0;
}

/* (connection, milliseconds) */
static napi_value jsAllow(napi_env env, napi_callback_info info) {
  Call call;
  if (take(&call, env, info)) allow(call.guard, (uint64_t)(numberAt(&call, 1) * 1e6));
  return 0;
}

/* (connection, statement): one that takes no values and whose rows nobody wants, to its end */
static napi_value jsStep(napi_env env, napi_callback_info info) {
  Call call;
  Statement *statement;
  if (!take(&call, env, info) || !(statement = statementAt(&call, 1))) return 0;
  Guard *guard = call.guard;
  int rc;
  guard->refusal[0] = 0;
  do rc = stepGuarded(guard, statement);
  while (rc == SQLITE_ROW);
  if (rc != SQLITE_DONE) throwSqlError(env, guard, rc, 0);
  sqlite3_reset(statement->stmt);
  return 0;
}

/* (connection): TRANSACTION_… bits */
static napi_value jsTransaction(napi_env env, napi_callback_info info) {
  Call call;
  return take(&call, env, info) ? number(env, transactionState(call.guard)) : 0;
}

/* (connection): leaves what was started */
static napi_value jsStop(napi_env env, napi_callback_info info) {
  Call call;
  if (take(&call, env, info)) endCursor(call.guard);
  return 0;
}

/* (connection): finalizes its statements; to be called before it is closed */
static napi_value jsClose(napi_env env, napi_callback_info info) {
  Call call;
  if (take(&call, env, info)) closeGuard(call.guard);
  return 0;
}

__attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  static const struct {
    const char *name;
    napi_callback call;
  } FUNCTIONS[] = {
      {"lastGuard", jsLastGuard}, {"limit", jsLimit}, {"begin", jsBegin}, {"end", jsEnd}, {"interrupt", jsInterrupt},
      {"prepare", jsPrepare}, {"finalize", jsFinalize}, {"columns", jsColumns}, {"shape", jsShape}, {"run", jsRun},
      {"more", jsMore}, {"part", jsPart}, {"take", jsTake}, {"stop", jsStop}, {"step", jsStep}, {"allow", jsAllow}, {"transaction", jsTransaction}, {"close", jsClose},
  };
  for (size_t at = 0; at < sizeof FUNCTIONS / sizeof *FUNCTIONS; at++) {
    napi_value function;
    napi_create_function(env, FUNCTIONS[at].name, strlen(FUNCTIONS[at].name), FUNCTIONS[at].call, 0, &function);
    napi_set_named_property(env, exports, FUNCTIONS[at].name, function);
  }
  return exports;
}
