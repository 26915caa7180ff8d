package store

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// maxListed is the most rows of one page, whatever was asked for; dialects
// have their own, lower limits.
const maxListed = 1000

// listing builds the statement of a list that is ordered by time, then id.
type listing struct {
	text strings.Builder
	args []any
	page refund.Page
	// alias is the table's name in the statement: "c".
	alias string
}

// newListing begins with a statement that names the merchant:
// "SELECT ... FROM charges c WHERE c.merchant_id = $1".
func newListing(text, alias, merchantID string, page refund.Page) *listing {
	l := &listing{args: []any{merchantID}, page: page, alias: alias}
	l.page.Limit = min(max(page.Limit, 1), maxListed)
	l.text.WriteString(text)
	return l
}

// where adds a condition; each ? in it stands for the next argument.
func (l *listing) where(condition string, args ...any) {
	for _, arg := range args {
		l.args = append(l.args, arg)
		condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(l.args)), 1)
	}
	l.text.WriteString(" AND " + condition)
}

// equal adds a condition unless the value is empty.
func (l *listing) equal(name, value string) {
	if value != "" {
		l.where(l.alias+"."+name+" = ?", value)
	}
}

// indexed is equal for a column whose index leaves the empty ones out, which a
// condition has to say.
func (l *listing) indexed(name, value string) {
	if value != "" {
		column := l.alias + "." + name
		l.where(column+" <> '' AND "+column+" = ?", value)
	}
}

// amounts adds inclusive bounds of the amount.
func (l *listing) amounts(least, most money.Minor) {
	if least > 0 {
		l.where(l.alias+".amount >= ?", int64(least))
	}
	if most > 0 {
		l.where(l.alias+".amount <= ?", int64(most))
	}
}

// between adds a time's bounds: inclusive from, exclusive to, zero is open.
func (l *listing) between(name string, from, to time.Time) {
	if !from.IsZero() {
		l.where(l.alias+"."+name+" >= ?", sqldb.Micros(from))
	}
	if !to.IsZero() {
		l.where(l.alias+"."+name+" < ?", sqldb.Micros(to))
	}
}

// upward says that the page is read from its oldest row on: the one that is
// immediately newer than a position.
func (l *listing) upward() bool { return l.page.Before != nil && l.page.After == nil }

// end adds the page's bounds and gives the statement. It asks for one row more
// than the page has, which says whether there are more.
func (l *listing) end() sqldb.Statement {
	at := "(" + l.alias + ".created_at, " + l.alias + ".id)"
	if after := l.page.After; after != nil {
		l.where(at+" < (?, ?)", sqldb.Micros(after.CreatedAt), after.ID)
	}
	if before := l.page.Before; before != nil {
		l.where(at+" > (?, ?)", sqldb.Micros(before.CreatedAt), before.ID)
	}
	direction := " DESC"
	if l.upward() {
		direction = " ASC"
	}
	l.text.WriteString(" ORDER BY " + l.alias + ".created_at" + direction + ", " + l.alias + ".id" + direction)
	l.args = append(l.args, int64(l.page.Limit)+1)
	l.text.WriteString(" LIMIT $" + strconv.Itoa(len(l.args)))
	return sqldb.Statement{SQL: l.text.String(), Args: l.args}
}

// cut makes the page of what end's statement found: newest first, without the
// row too many, and whether there is one.
func cut[T any](l *listing, rows []T) ([]T, bool) {
	more := len(rows) > l.page.Limit
	if more {
		rows = rows[:l.page.Limit]
	}
	if l.upward() {
		slices.Reverse(rows)
	}
	return rows, more
}
