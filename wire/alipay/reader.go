package alipay

import (
	"fmt"
	"time"

	"github.com/refundry/refundry/wire/exactjson"
)

// reader takes members out of a node and keeps the first complaint. Absent, null
// and "" are the same in it: the platform sends all three.
type reader struct {
	node    exactjson.Value
	failure error
}

func (r *reader) fail(name, issue string) {
	if r.failure == nil {
		r.failure = fmt.Errorf("%w: %s %s", ErrAnswer, name, issue)
	}
}

// text reads a string; a member of another kind than text or number is a complaint.
func (r *reader) text(name string) string {
	switch member, _ := r.node.Get(name); member.Kind {
	case exactjson.Absent, exactjson.Null:
		return ""
	case exactjson.String, exactjson.Number:
		return member.Text
	}
	r.fail(name, "is no text")
	return ""
}

// yuan reads an amount in fen, nil where it is absent.
func (r *reader) yuan(name string) *int64 {
	value := r.text(name)
	if value == "" {
		return nil
	}
	fen, err := ParseYuan(value)
	if err != nil {
		r.fail(name, "is "+err.Error())
		return nil
	}
	return &fen
}

// moment reads a time, zero where it is absent.
func (r *reader) moment(name string) time.Time {
	value := r.text(name)
	if value == "" {
		return time.Time{}
	}
	at, err := ParseTime(value)
	if err != nil {
		r.fail(name, "is "+err.Error())
	}
	return at
}

// object reads a member that is an object, and one that is a list of one object:
// copies of the documents show both for the same member. ok is false where it is absent.
func (r *reader) object(name string) (exactjson.Value, bool) {
	member, _ := r.node.Get(name)
	if member.Kind == exactjson.Array && len(member.Items) == 1 {
		member = member.Items[0]
	}
	switch {
	case member.Kind == exactjson.Object:
		return member, true
	case member.Kind == exactjson.Absent, member.Kind == exactjson.Null, member.Kind == exactjson.Array && len(member.Items) == 0:
		return exactjson.Value{}, false
	}
	r.fail(name, "is no object")
	return exactjson.Value{}, false
}

// list reads a list of objects.
func (r *reader) list(name string) []exactjson.Value {
	member, _ := r.node.Get(name)
	switch member.Kind {
	case exactjson.Absent, exactjson.Null:
		return nil
	case exactjson.Array:
		for _, item := range member.Items {
			if item.Kind != exactjson.Object {
				r.fail(name, "holds something other than objects")
				return nil
			}
		}
		return member.Items
	}
	r.fail(name, "is no list")
	return nil
}
