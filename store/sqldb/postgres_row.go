package sqldb

import (
	"encoding/binary"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// sharedText is the longest text that shares memory with the others of its row, in
// bytes: a caller that keeps one of them keeps all.
const sharedText = 512

// pgRow reads the rows of one result. What the store reads most, texts and whole
// numbers, it reads without the driver's plan for each column, and with one piece of
// memory for the texts of a row; the driver reads rows with anything else.
type pgRow struct {
	rows   pgx.Rows
	fields []pgconn.FieldDescription
}

func (r *pgRow) scan(into ...any) error {
	if r.plain(into) {
		return nil
	}
	return r.rows.Scan(into...)
}

// plain reads the row if it has only what it knows. Of one that it does not read, the
// places may have been changed.
func (r *pgRow) plain(into []any) bool {
	values := r.rows.RawValues()
	if r.fields == nil {
		r.fields = r.rows.FieldDescriptions()
	}
	if len(into) != len(values) || len(into) != len(r.fields) {
		return false
	}
	shared := 0
	for n, place := range into {
		switch place := place.(type) {
		case *string:
			if r.fields[n].DataTypeOID != pgtype.TextOID || values[n] == nil {
				return false
			}
			if len(values[n]) <= sharedText {
				shared += len(values[n])
			}
		case *int64:
			if values[n] == nil || !r.number(n, values[n], place) {
				return false
			}
		case **int64:
			*place = nil
			if values[n] != nil {
				*place = new(int64)
				if !r.number(n, values[n], *place) {
					return false
				}
			}
		default:
			return false
		}
	}
	var texts strings.Builder
	texts.Grow(shared)
	for n, place := range into {
		text, is := place.(*string)
		switch {
		case !is:
		case len(values[n]) > sharedText:
			*text = string(values[n])
		default:
			begin := texts.Len()
			texts.Write(values[n])
			*text = texts.String()[begin:]
		}
	}
	return true
}

// number reads a BIGINT in its binary form.
func (r *pgRow) number(n int, value []byte, into *int64) bool {
	field := r.fields[n]
	if field.DataTypeOID != pgtype.Int8OID || field.Format != pgtype.BinaryFormatCode || len(value) != 8 {
		return false
	}
	*into = int64(binary.BigEndian.Uint64(value)) //nolint:gosec // the same 64 bits
	return true
}
