package wallet

import (
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Limits of paging. The pages give none.
const (
	// MaxCount is the most objects of one page. More is refused, not cut: a
	// client that gets less than it asked for thinks that it has seen all.
	MaxCount = 1000
	// maxPage keeps the number of rows that are passed over within reason.
	maxPage = 1_000_000
	// maxSeconds is the last moment of the year 9999.
	maxSeconds = 253402300799
)

// Paging are the parameters of a list (L3-9 to L3-14).
type Paging struct {
	Page  int64 // from 1
	Count int64 // 1 to MaxCount
	// Begin and End are exclusive, both: created later than the one and
	// earlier than the other. Zero when absent.
	Begin, End time.Time
	// Status is of lists of charges, "" when absent.
	Status string
}

// Offset is how many objects stand before the page.
func (p Paging) Offset() int64 { return (p.Page - 1) * p.Count }

// ParsePaging reads a query. page and count are required, in this order of
// complaint; a parameter that is there without a value counts as absent.
// Errors are *ParamError with CodePageNull, CodeCountNull or CodeParam.
func ParsePaging(query url.Values) (Paging, error) {
	var p Paging
	for _, part := range []struct {
		name   string
		absent Code
		limit  int64
		number *int64
	}{{"page", CodePageNull, maxPage, &p.Page}, {"count", CodeCountNull, MaxCount, &p.Count}} {
		text := query.Get(part.name)
		if text == "" {
			return Paging{}, &ParamError{part.absent, part.name, "is required"}
		}
		number, err := strconv.ParseUint(text, 10, 63)
		if err != nil || number < 1 || int64(number) > part.limit {
			return Paging{}, badParam(part.name, "must be a number from 1 to "+strconv.FormatInt(part.limit, 10))
		}
		*part.number = int64(number)
	}
	for _, part := range []struct {
		name string
		time *time.Time
	}{{"begin_time", &p.Begin}, {"end_time", &p.End}} {
		text := query.Get(part.name)
		if text == "" {
			continue
		}
		seconds, err := strconv.ParseUint(text, 10, 63)
		if err != nil || seconds > maxSeconds {
			return Paging{}, badParam(part.name, "must be Unix seconds")
		}
		*part.time = time.Unix(int64(seconds), 0)
	}
	p.Status = query.Get("status")
	if p.Status != "" && !slices.Contains([]string{StatusCreated, StatusPending, StatusSucceeded, StatusFailed, StatusRefund}, p.Status) {
		return Paging{}, badParam("status", "must be created, pending, succeeded, failed or refund")
	}
	return p, nil
}

// List is the data of a list of charges, and of our list of a charge's refunds.
// The older generation's list of refunds is a bare array: pass its slice, not
// nil, to Success.
type List[T any] struct {
	Total int64 `json:"total"`
	Data  []T   `json:"data"`
}

// MarshalJSON writes data as [] when there is none.
func (l List[T]) MarshalJSON() ([]byte, error) {
	if l.Data == nil {
		l.Data = []T{}
	}
	type plain List[T] // drops this method, which would call itself
	return Marshal(plain(l))
}
