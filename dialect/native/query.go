package native

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/refundry/refundry/refund"
)

// Limits on lists.
const (
	defaultLimit = 20
	maxLimit     = 100
)

// query is a request's parameters. Those that the call does not know, or that
// come twice, are refused: a misspelt filter would otherwise show everything.
type query struct{ values url.Values }

// query reads the parameters behind the question mark.
func (c *call) query(known ...string) (query, error) {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return query{}, refund.Errorf(refund.KindInvalid, "", "the query string is malformed")
	}
	return readQuery(values, known)
}

// readQuery checks parameters by their names. Those in repeated may come more
// than once.
func readQuery(values url.Values, known []string, repeated ...string) (query, error) {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names) // the same request gets the same error
	for _, name := range names {
		switch {
		case !slices.Contains(known, name):
			return query{}, refuse(refund.KindInvalid, shown(strings.ToValidUTF8(name, "?")), "is not known here")
		case len(values[name]) > 1 && !slices.Contains(repeated, name):
			return query{}, refuse(refund.KindInvalid, name, "was given twice")
		case slices.Contains(values[name], ""):
			// A script's variable that is empty must not select everything.
			return query{}, refuse(refund.KindInvalid, name, "is given, but empty (hint: leave it out to select all)")
		}
	}
	return query{values}, nil
}

// text is a parameter of visible characters; absent is "".
func (q query) text(name string) (string, error) {
	value := q.values.Get(name)
	if !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' }) || utf8.RuneCountInString(value) > maxText {
		return "", refuse(refund.KindInvalid, name, "must be at most %d visible characters", maxText)
	}
	return value, nil
}

// moment is a time; absent is zero.
func (q query) moment(name string) (time.Time, error) {
	value := q.values.Get(name)
	if value == "" {
		return time.Time{}, nil
	}
	t, err := parseMoment(value)
	if err != nil {
		return time.Time{}, refuse(refund.KindInvalid, name, "%v", err)
	}
	return t, nil
}

// number is a whole number from least to most, or standard if absent.
func (q query) number(name string, standard, least, most int) (int, error) {
	value := q.values.Get(name)
	if value == "" {
		return standard, nil
	}
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil || int(n) < least || int(n) > most {
		return 0, refuse(refund.KindInvalid, name, "must be a whole number from %d to %d", least, most)
	}
	return int(n), nil
}

// page reads limit and cursor.
func (q query) page() (refund.Page, error) {
	limit, err := q.number("limit", defaultLimit, 1, maxLimit)
	if err != nil {
		return refund.Page{}, err
	}
	page := refund.Page{Limit: limit}
	if cursor := q.values.Get("cursor"); cursor != "" {
		at, ok := readCursor(cursor)
		if !ok {
			return refund.Page{}, refuse(refund.KindInvalid, "cursor", "is none that a list gave")
		}
		page.After = &at
	}
	return page, nil
}

// cursorID is the longest id in a cursor; ours are 27 characters.
const cursorID = 64

// writeCursor packs a place in a list: microseconds and id.
func writeCursor(at time.Time, id string) *string {
	text := base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(at.UnixMicro(), 10) + "." + id))
	return &text
}

func readCursor(text string) (refund.Position, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return refund.Position{}, false
	}
	stamp, id, _ := strings.Cut(string(raw), ".")
	us, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || us <= 0 || id == "" || len(id) > cursorID || !visible(id) {
		return refund.Position{}, false
	}
	return refund.Position{CreatedAt: time.UnixMicro(us).UTC(), ID: id}, true
}

// What the cursors of lists that count their rows begin with, so that one of
// another list is not taken for one.
const (
	feedMark  = "feed."
	auditMark = "audit."
)

func writeNumberCursor(mark string, number int64) *string {
	text := base64.RawURLEncoding.EncodeToString([]byte(mark + strconv.FormatInt(number, 10)))
	return &text
}

func readNumberCursor(mark, text string) (int64, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return 0, false
	}
	digits, marked := strings.CutPrefix(string(raw), mark)
	number, err := strconv.ParseInt(digits, 10, 64)
	return number, marked && err == nil && number >= 0
}

// id is the address's {id}. What can't be an id of ours or anyone's name for
// a charge is not looked up: the database would not even take a NUL.
func (c *call) id(kind refund.Kind) (string, error) {
	id := c.r.PathValue("id")
	if id == "" || len(id) > maxName || !visible(id) {
		return "", refund.Errorf(kind, "id", "there is none of this id")
	}
	return id, nil
}
