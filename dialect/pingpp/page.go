package pingpp

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// Sizes of pages (P3.1-1 and P3.1-2).
const (
	defaultPage = 10
	// maxRefundPage is the refund list's documented 1 to 20, unless the
	// merchant's settings allow more.
	maxRefundPage = 20
	maxPage       = 100
)

// cursor finds the place of a list's item by its id; one that is unknown, or
// not of this list, is not ok.
type cursor func(ctx context.Context, id string) (place refund.Position, ok bool, err error)

// page reads limit and the cursors. A limit above most is cut; one that is no
// whole number above 0 is refused, as are an unknown cursor and both at once
// (P3.1-2 to P3.1-8).
func page(ctx context.Context, params exactjson.Value, most int, find cursor) (refund.Page, error) {
	limit, err := pageLimit(params, most)
	if err != nil {
		return refund.Page{}, err
	}
	out := refund.Page{Limit: limit}
	after, isAfter := given(params, "starting_after")
	before, isBefore := given(params, "ending_before")
	switch {
	case isAfter && isBefore:
		return refund.Page{}, invalid("ending_before", text{
			"不能与 starting_after 同时使用", "it cannot be used together with starting_after",
		})
	case isAfter:
		place, err := locate(ctx, after, "starting_after", find)
		out.After = place
		return out, err
	case isBefore:
		place, err := locate(ctx, before, "ending_before", find)
		out.Before = place
		return out, err
	}
	return out, nil
}

// pageLimit reads limit as page does.
func pageLimit(params exactjson.Value, most int) (int, error) {
	value, ok := given(params, "limit")
	if !ok {
		return min(defaultPage, most), nil
	}
	digits, whole := wholeText(value)
	if !whole || digits == "0" {
		return 0, invalid("limit", wantAmount)
	}
	// What does not fit into 64 bits is above every limit.
	limit, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || limit > int64(most) {
		limit = int64(most)
	}
	return int(limit), nil
}

// isFirstPage reports whether no cursor is given.
func isFirstPage(params exactjson.Value) bool {
	_, isAfter := given(params, "starting_after")
	_, isBefore := given(params, "ending_before")
	return !isAfter && !isBefore
}

func locate(ctx context.Context, value exactjson.Value, param string, find cursor) (*refund.Position, error) {
	unknown := invalid(param, text{"列表中没有该对象", "no object of this list has that id"})
	if value.Kind != exactjson.String {
		return nil, unknown
	}
	place, ok, err := find(ctx, value.Text)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, unknown
	}
	return &place, nil
}

// span is from..to, inclusive from, exclusive to; zero is open.
type span struct{ from, to time.Time }

// empty: nothing can be in it.
func (s span) empty() bool { return !s.to.IsZero() && !s.from.Before(s.to) }

// latest is the last second that is taken for a time, the end of the year
// 9999; a filter beyond it means the same.
const latest = 253402300799

// created reads the filter created and created[gt|gte|lt|lte] in Unix seconds.
// Objects show whole seconds and were made in microseconds, so "greater than
// t" begins at t+1. given is false without any filter.
func created(params exactjson.Value) (s span, filtered bool, err error) {
	value, ok := given(params, "created")
	if !ok {
		return span{}, false, nil
	}
	if value.Kind != exactjson.Object {
		at, err := seconds(value, "created")
		return span{time.Unix(at, 0).UTC(), time.Unix(at+1, 0).UTC()}, true, err
	}
	for _, member := range value.Members {
		param := "created[" + member.Name + "]"
		at, err := seconds(member.Value, param)
		if err != nil {
			return span{}, false, err
		}
		switch member.Name {
		case "gte":
			s.from = later(s.from, at)
		case "gt":
			s.from = later(s.from, at+1)
		case "lt":
			s.to = earlier(s.to, at)
		case "lte":
			s.to = earlier(s.to, at+1)
		default:
			continue // unknown members are ignored
		}
		filtered = true
	}
	return s, filtered, nil
}

func seconds(value exactjson.Value, param string) (int64, error) {
	digits, ok := wholeText(value)
	if !ok {
		return 0, invalid(param, text{"必须是 Unix 时间戳", "it must be Unix seconds"})
	}
	at, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		at = math.MaxInt64
	}
	return min(at, latest), nil
}

func later(have time.Time, at int64) time.Time {
	next := time.Unix(at, 0).UTC()
	if have.IsZero() || next.After(have) {
		return next
	}
	return have
}

func earlier(have time.Time, at int64) time.Time {
	next := time.Unix(at, 0).UTC()
	if have.IsZero() || next.Before(have) {
		return next
	}
	return have
}
