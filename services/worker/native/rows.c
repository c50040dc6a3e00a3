/*
** A statement's rows as text, part by part: an answer in JSON, or a stream of JSON lines or of CSV.
*/
#include "guard.h"
#include <stdlib.h>
#include <string.h>

enum { TEXT_KEPT_BYTES = 256 * 1024, PART_NANOS = 10000000 };

static const char LINE_END[] = "]}\n";

static int addJsonRow(Cursor *cursor, Text *text, size_t start) {
  Statement *statement = cursor->statement;
  int64_t before = cursor->format & FORMAT_STREAM ? cursor->partRows : cursor->rows;
  if (before > 0) add(text, ",", 1);
  for (int at = 0; at < statement->columnCount; at++) {
    Column *column = &statement->columns[at];
    if (cursor->format & FORMAT_ARRAYS) add(text, at ? "," : "[", 1);
    else add(text, column->key, column->keyLength);
    if (!addCell(text, statement->stmt, at, column->type, cursor->rowBytesMax)) return 0;
    if ((double)(text->length - start) > cursor->rowBytesMax) return 0;
  }
  add(text, cursor->format & FORMAT_ARRAYS ? "]" : "}", 1);
  return 1;
}

static int addCsvRow(Cursor *cursor, Text *text, size_t start) {
  Statement *statement = cursor->statement;
  for (int at = 0; at < statement->columnCount; at++) {
    if (at > 0) add(text, ",", 1);
    if (!addCsvCell(text, statement->stmt, at, cursor->rowBytesMax)) return 0;
    if ((double)(text->length - start) > cursor->rowBytesMax) return 0;
  }
  add(text, "\r\n", 2);
  return 1;
}

/* Returns 0, with nothing added, if the row is larger than a row may be. */
static int addRow(Guard *guard) {
  Cursor *cursor = &guard->cursor;
  size_t start = guard->text.length;
  int fits = cursor->format & FORMAT_CSV ? addCsvRow(cursor, &guard->text, start)
                                         : addJsonRow(cursor, &guard->text, start);
  if (!fits) guard->text.length = start;
  return fits;
}

static void addHead(Guard *guard) {
  static const char *const TYPES[] = {"integer", "real", "text", "blob", "any"};
  static const int TYPE_OF[] = {0, TYPE_INTEGER, TYPE_REAL, TYPE_TEXT, TYPE_BLOB, TYPE_ANY};
  Cursor *cursor = &guard->cursor;
  Statement *statement = cursor->statement;
  Text *text = &guard->text;
  addString(text, cursor->format & FORMAT_STREAM ? "[" : "{\"columns\":[");
  for (int at = 0; at < statement->columnCount; at++) {
    Column *column = &statement->columns[at];
    if (!column->settled)
      column->type = cursor->stepped == SQLITE_ROW ? TYPE_OF[sqlite3_column_type(statement->stmt, at)] : TYPE_ANY;
    if (at > 0) add(text, ",", 1);
    add(text, column->head, column->headLength);
    addString(text, TYPES[column->type]);
    add(text, "\"}", 2);
  }
  addString(text, cursor->format & FORMAT_STREAM ? "]" : "],\"rows\":[");
}

/* The first line of CSV: the names as they are, also where several columns bear one. */
static void addCsvHead(Guard *guard) {
  Statement *statement = guard->cursor.statement;
  for (int at = 0; at < statement->columnCount; at++) {
    const char *name = sqlite3_column_name(statement->stmt, at);
    if (at > 0) add(&guard->text, ",", 1);
    if (name) addCsvText(&guard->text, (const unsigned char *)name, strlen(name));
  }
  if (statement->columnCount > 0) add(&guard->text, "\r\n", 2);
}

static void addTail(Guard *guard) {
  Cursor *cursor = &guard->cursor;
  Text *text = &guard->text;
  int changesRows = cursor->statement->does & DOES_ROWS;
  sqlite3_int64 changes = changesRows ? sqlite3_changes64(guard->db) : 0;
  addString(text, cursor->format & FORMAT_STREAM ? "{\"rowsAffected\":" : "],\"rowsAffected\":");
  addInteger(text, changes);
  if (changes > 0 && cursor->statement->does & DOES_ROWID) {
    addString(text, ",\"lastInsertId\":");
    addSafeInteger(text, sqlite3_last_insert_rowid(guard->db), "\"", "\"");
  }
  addString(text, ",\"durationMs\":");
  char *out = room(text, REAL_BYTES_MAX);
  if (out) text->length += (size_t)writeReal(out, (double)((nowNanos() - cursor->startedNanos) / 1000) / 1000);
  addString(text, cursor->truncated ? ",\"truncated\":true}" : ",\"truncated\":false}");
}

void freeColumns(Statement *statement) {
  for (int at = 0; at < statement->columnCount; at++) {
    free(statement->columns[at].key);
    free(statement->columns[at].head);
  }
  free(statement->columns);
  statement->columns = 0;
  statement->columnCount = 0;
}

int startCursor(Guard *guard, Statement *statement) {
  Cursor *cursor = &guard->cursor;
  cursor->statement = statement;
  cursor->startedNanos = nowNanos();
  guard->text.length = guard->text.failed = 0;
  guard->refusal[0] = 0;
  return cursor->stepped = stepGuarded(guard, statement);
}

/* One row more, unless the answer has as much as it may hold. */
static int addNextRow(Guard *guard) {
  Cursor *cursor = &guard->cursor;
  Text *text = &guard->text;
  size_t start = text->length;
  if (cursor->rowsMax >= 0 && cursor->rows >= cursor->rowsMax) cursor->truncated = 1;
  else if (!addRow(guard)) {
    if (!(cursor->statement->does & DOES_WRITE)) return SQLITE_TOOBIG;
    cursor->truncated = 1;
  } else if (cursor->bytes + (double)text->length > cursor->bytesMax) {
    text->length = start;
    cursor->truncated = 1;
  } else {
    cursor->lastRow = start;
    cursor->rows++;
    cursor->partRows++;
  }
  return SQLITE_OK;
}

/* Whether a part has as much as it shall have. One of a stream does not keep its rows for long. */
static int isFull(Guard *guard, size_t bytes, uint64_t until) {
  if (!(guard->cursor.format & FORMAT_STREAM)) return guard->text.length >= bytes;
  return guard->cursor.partRows > 0 && (guard->text.length >= bytes || nowNanos() > until);
}

/* A part of a stream is whole: the row that makes it too large is left to the next one. Returns whether it was. */
static int leaveRow(Guard *guard, size_t bytes) {
  Cursor *cursor = &guard->cursor;
  if (!(cursor->format & FORMAT_STREAM) || cursor->truncated) return 0;
  if (cursor->partRows < 2 || guard->text.length + sizeof LINE_END <= bytes) return 0;
  guard->text.length = cursor->lastRow;
  cursor->rows--;
  cursor->partRows--;
  return 1;
}

/* Rows until the part is full, or there are no more. A statement that writes is run to its end however little of it is
** shown. */
static int addRows(Guard *guard, size_t bytes) {
  Cursor *cursor = &guard->cursor;
  uint64_t until = cursor->format & FORMAT_STREAM ? nowNanos() + PART_NANOS : 0;
  while (cursor->stepped == SQLITE_ROW) {
    if (!cursor->truncated) {
      if (isFull(guard, bytes, until)) return SQLITE_ROW;
      int rc = addNextRow(guard);
      if (rc == SQLITE_OK && guard->text.failed) rc = SQLITE_NOMEM;
      if (rc != SQLITE_OK) return rc;
      if (leaveRow(guard, bytes)) return SQLITE_ROW;
    }
    if (cursor->truncated && !(cursor->statement->does & DOES_WRITE)) cursor->stepped = SQLITE_DONE;
    else cursor->stepped = stepGuarded(guard, cursor->statement);
  }
  return cursor->stepped;
}

/* A part of a stream: its columns, or rows, or its end. */
static int fillPart(Guard *guard, size_t bytes) {
  Cursor *cursor = &guard->cursor;
  Text *text = &guard->text;
  int csv = cursor->format & FORMAT_CSV;
  if (cursor->stage == STAGE_HEAD) {
    addHead(guard);
    cursor->stage = STAGE_ROWS;
    return SQLITE_ROW;
  }
  if (csv && cursor->stage == STAGE_ROWS) addCsvHead(guard);
  if (!csv) addString(text, "{\"rows\":[");
  cursor->stage = STAGE_MORE_ROWS;
  int rc = addRows(guard, bytes);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return rc;
  if (!csv && cursor->partRows == 0) text->length = 0;
  else if (!csv) addString(text, LINE_END);
  if (text->length > 0) return SQLITE_ROW;
  addTail(guard);
  cursor->stage = STAGE_DONE;
  return SQLITE_DONE;
}

/* Puts the next part into the guard's text: SQLITE_ROW if there is more to come, SQLITE_DONE if not. */
int fillText(Guard *guard, size_t bytes) {
  Cursor *cursor = &guard->cursor;
  Text *text = &guard->text;
  cursor->bytes += (double)text->length;
  text->length = cursor->taken = cursor->lastRow = 0;
  cursor->partRows = 0;
  int rc;
  if (cursor->format & FORMAT_STREAM) rc = fillPart(guard, bytes);
  else {
    if (cursor->stage == STAGE_HEAD) addHead(guard);
    cursor->stage = STAGE_ROWS;
    if ((rc = addRows(guard, bytes)) == SQLITE_DONE) {
      addTail(guard);
      cursor->stage = STAGE_DONE;
    }
  }
  return text->failed ? SQLITE_NOMEM : rc;
}

void endCursor(Guard *guard) {
  Text *text = &guard->text;
  if (guard->cursor.statement) {
    sqlite3_reset(guard->cursor.statement->stmt);
    sqlite3_clear_bindings(guard->cursor.statement->stmt);
  }
  guard->cursor = (Cursor){0};
  text->length = 0;
  if (text->capacity > TEXT_KEPT_BYTES) {
    free(text->bytes);
    *text = (Text){0};
  }
}
