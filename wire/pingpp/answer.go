package pingpp

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/refundry/refundry/wire/exactjson"
)

// ErrAnswer is wrapped by every complaint about an answer or webhook that is not
// what the documents describe.
var ErrAnswer = errors.New("not what the documents describe")

// reader takes members out of an object that the service sent and keeps the first
// complaint. A member of the wrong kind is one; unknown members are none.
type reader struct {
	object  exactjson.Value
	failure error
}

func (r *reader) fail(name, issue string) {
	if r.failure == nil {
		r.failure = fmt.Errorf("%w: member %s %s", ErrAnswer, name, issue)
	}
}

// text reads a text; absent and null are "".
func (r *reader) text(name string, required bool) string {
	value, _ := r.object.Get(name)
	switch value.Kind {
	case exactjson.String:
		if value.Text == "" && required {
			r.fail(name, "is empty")
		}
		return value.Text
	case exactjson.Absent, exactjson.Null:
		if required {
			r.fail(name, "is missing")
		}
	default:
		r.fail(name, "is no text")
	}
	return ""
}

// whole reads a whole number of 0 or more; absent and null are nil.
func (r *reader) whole(name string) *int64 {
	value, _ := r.object.Get(name)
	switch value.Kind {
	case exactjson.Absent, exactjson.Null:
		return nil
	case exactjson.Number:
		if number, err := strconv.ParseInt(value.Text, 10, 64); err == nil && number >= 0 {
			return &number
		}
	}
	r.fail(name, "is no whole number of 0 or more")
	return nil
}

// must reads a whole number that has to be there.
func (r *reader) must(name string) int64 {
	number := r.whole(name)
	if number == nil {
		r.fail(name, "is missing")
		return 0
	}
	return *number
}

// truth reads true or false; absent and null are false where it is not required.
func (r *reader) truth(name string, required bool) bool {
	value, _ := r.object.Get(name)
	switch value.Kind {
	case exactjson.Bool:
		return value.Text == "true"
	case exactjson.Absent, exactjson.Null:
		if required {
			r.fail(name, "is missing")
		}
	default:
		r.fail(name, "is neither true nor false")
	}
	return false
}

// raw reads an object as raw JSON; a PHP service writes an empty one as [].
func (r *reader) raw(name string) json.RawMessage {
	value, _ := r.object.Get(name)
	if value.Kind != exactjson.Object && (value.Kind != exactjson.Array || len(value.Items) > 0) {
		r.fail(name, "is no object")
		return nil
	}
	return slices.Clone(value.Raw)
}

// pointer is nil for "".
func pointer(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// DecodeRefund reads a refund object. Its metadata must be there: whoever looks
// for a refund in it must not take a member that is left out for one that is
// empty. succeed must agree with status. Errors wrap ErrAnswer.
func DecodeRefund(value exactjson.Value) (Refund, error) {
	r := reader{object: value}
	if value.Kind != exactjson.Object {
		return Refund{}, fmt.Errorf("%w: no object", ErrAnswer)
	}
	out := Refund{
		ID: r.text("id", true), Object: r.text("object", true), OrderNo: r.text("order_no", false), Amount: r.must("amount"), Created: r.must("created"),
		Succeed: r.truth("succeed", true), Status: r.text("status", true), TimeSucceed: r.whole("time_succeed"), Description: r.text("description", false),
		FailureCode: pointer(r.text("failure_code", false)), FailureMsg: pointer(r.text("failure_msg", false)), Metadata: r.raw("metadata"),
		Charge: r.text("charge", true), ChargeOrderNo: r.text("charge_order_no", false), TransactionNo: pointer(r.text("transaction_no", false)),
		FundingSource: pointer(r.text("funding_source", false)), App: r.text("app", false), Currency: r.text("currency", false),
	}
	switch {
	case r.failure != nil:
	case out.Object != ObjectRefund:
		r.fail("object", "is not "+ObjectRefund)
	case !IsPossibleID(out.ID):
		r.fail("id", "is no id")
	case out.Amount == 0:
		r.fail("amount", "is 0")
	case out.Succeed != (out.Status == StatusSucceeded):
		r.fail("succeed", "contradicts the status")
	}
	return out, r.failure
}

// DecodeRefundList reads a page of refunds. A page that has more and no items
// would never end, and is refused. Errors wrap ErrAnswer.
func DecodeRefundList(value exactjson.Value) (List[Refund], error) {
	r := reader{object: value}
	out := List[Refund]{Object: r.text("object", true), HasMore: r.truth("has_more", true)}
	data, _ := value.Get("data")
	switch {
	case r.failure != nil:
		return List[Refund]{}, r.failure
	case out.Object != ObjectList, data.Kind != exactjson.Array:
		return List[Refund]{}, fmt.Errorf("%w: no list", ErrAnswer)
	case out.HasMore && len(data.Items) == 0:
		return List[Refund]{}, fmt.Errorf("%w: a list has more and shows nothing", ErrAnswer)
	}
	for _, item := range data.Items {
		one, err := DecodeRefund(item)
		if err != nil {
			return List[Refund]{}, err
		}
		out.Data = append(out.Data, one)
	}
	return out, nil
}

// DecodeCharge reads what a refund service needs of a charge: its numbers, its
// amounts and whether it is paid. Its refunds are left out, for a charge shows
// only the newest. Errors wrap ErrAnswer.
func DecodeCharge(value exactjson.Value) (Charge, error) {
	r := reader{object: value}
	if value.Kind != exactjson.Object {
		return Charge{}, fmt.Errorf("%w: no object", ErrAnswer)
	}
	out := Charge{
		ID: r.text("id", true), Object: r.text("object", true), Livemode: r.truth("livemode", true), Paid: r.truth("paid", true),
		Refunded: r.truth("refunded", true), Reversed: r.truth("reversed", false), Channel: r.text("channel", true), OrderNo: r.text("order_no", true),
		Amount: r.must("amount"), Currency: r.text("currency", true), TimePaid: r.whole("time_paid"),
		TransactionNo: pointer(r.text("transaction_no", false)), AmountRefunded: r.must("amount_refunded"),
	}
	if r.failure == nil && out.Object != ObjectCharge {
		r.fail("object", "is not "+ObjectCharge)
	}
	app, _ := value.Get("app")
	if r.failure == nil && json.Unmarshal(app.Raw, &out.App) != nil {
		r.fail("app", "is neither an id nor an object")
	}
	return out, r.failure
}

// DecodeEvent reads a webhook's body; data.object is left as JSON. Errors wrap
// ErrAnswer.
func DecodeEvent(value exactjson.Value) (event Event, object exactjson.Value, err error) {
	r := reader{object: value}
	event = Event{ID: r.text("id", true), Object: r.text("object", true), Type: r.text("type", true), Livemode: r.truth("livemode", true)}
	data, _ := value.Get("data")
	object, _ = data.Get("object")
	switch {
	case r.failure != nil:
	case event.Object != ObjectEvent:
		r.fail("object", "is not "+ObjectEvent)
	case object.Kind != exactjson.Object:
		r.fail("data.object", "is no object")
	}
	return event, object, r.failure
}

// DecodeError reads the envelope of an answer outside 2xx. Errors wrap ErrAnswer:
// then nobody knows whose words the answer has.
func DecodeError(value exactjson.Value) (Error, error) {
	inner, _ := value.Get("error")
	r := reader{object: inner}
	out := Error{Type: r.text("type", true), Message: r.text("message", true), Code: r.text("code", false), Param: r.text("param", false)}
	return out, r.failure
}

// Error is the error's type, code and words.
func (e Error) Error() string {
	text := e.Type
	for _, more := range []string{e.Code, e.Param} {
		if more != "" {
			text += " " + more
		}
	}
	return text + ": " + e.Message
}
