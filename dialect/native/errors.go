package native

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// meaning is how an error kind is answered: HTTP status and title.
type meaning struct {
	status int
	title  string
}

// meanings is the table from the core's kinds to answers. The problem's type
// is problemType and the kind. 400 is what the form says wrong, 422 what is
// well-formed and against a rule; a 4xx means that nothing was accepted.
var meanings = map[refund.Kind]meaning{
	refund.KindInvalid:          {http.StatusBadRequest, "The request is not well-formed"},
	refund.KindUnauthenticated:  {http.StatusUnauthorized, "The API key is missing or not known"},
	refund.KindForbidden:        {http.StatusForbidden, "Not allowed"},
	refund.KindNotFound:         {http.StatusNotFound, "Nothing is here"},
	refund.KindChargeNotFound:   {http.StatusNotFound, "There is no such charge"},
	refund.KindRefundNotFound:   {http.StatusNotFound, "There is no such refund"},
	refund.KindEventNotFound:    {http.StatusNotFound, "There is no such event"},
	refund.KindNoAccount:        {http.StatusUnprocessableEntity, "No channel account takes the charge"},
	refund.KindAmountExceeded:   {http.StatusUnprocessableEntity, "More than is still refundable"},
	refund.KindFullyRefunded:    {http.StatusUnprocessableEntity, "Nothing is left to refund"},
	refund.KindWindowOver:       {http.StatusUnprocessableEntity, "The time for refunds is over"},
	refund.KindTooManyRefunds:   {http.StatusUnprocessableEntity, "The charge has too many refunds"},
	refund.KindTooSoon:          {http.StatusUnprocessableEntity, "The last refund is too recent"},
	refund.KindFullOnly:         {http.StatusUnprocessableEntity, "Only a full refund is possible"},
	refund.KindPolicyRefused:    {http.StatusUnprocessableEntity, "A policy of the merchant refuses the refund"},
	refund.KindLimitExceeded:    {http.StatusUnprocessableEntity, "Above a limit of the merchant"},
	refund.KindNumberConflict:   {http.StatusConflict, "The refund number is taken"},
	refund.KindKeyConflict:      {http.StatusConflict, "The idempotency key is taken"},
	refund.KindChargeConflict:   {http.StatusConflict, "The charge is registered with other content"},
	refund.KindStateConflict:    {http.StatusConflict, "The state does not allow this"},
	refund.KindBusy:             {http.StatusServiceUnavailable, "Too busy, try again"},
	refund.KindUnavailable:      {http.StatusServiceUnavailable, "The database can't be used now, try again"},
	refund.KindUnknownOutcome:   {http.StatusInternalServerError, "The outcome is unknown: query, or repeat the same request"},
	refund.KindTooLarge:         {http.StatusRequestEntityTooLarge, "The request is too large"},
	refund.KindMethodNotAllowed: {http.StatusMethodNotAllowed, "The address takes another method"},
	refund.KindCorrupt:          {http.StatusInternalServerError, "Stored data breaks an invariant"},
	refund.KindInternal:         {http.StatusInternalServerError, "Internal error"},
}

// problemType is what the types of problems begin with; the kind follows.
const problemType = "urn:refundry:problem:"

// retryAfterSeconds is what a busy answer asks to wait: the intake's queue is
// empty again within a second or so.
const retryAfterSeconds = "1"

// problem is an error as RFC 9457 tells it, with our members.
type problem struct {
	Type   string      `json:"type"`
	Title  string      `json:"title"`
	Status int         `json:"status"`
	Detail string      `json:"detail"`
	Kind   refund.Kind `json:"kind"`
	Param  string      `json:"param,omitempty"`
	Charge string      `json:"charge,omitempty"`
	Refund string      `json:"refund,omitempty"`
	// Refundable is what is left of the charge, with its currency.
	Refundable *money.Minor   `json:"refundable,omitempty"`
	Currency   money.Currency `json:"currency,omitempty"`
	Limit      *limitAnswer   `json:"limit,omitempty"`
	RequestID  string         `json:"request_id"`
}

// limitAnswer is the rule that refuses a refund.
type limitAnswer struct {
	Rule  string `json:"rule"`
	Value int64  `json:"value"`
	Unit  string `json:"unit"`
	At    moment `json:"at"` // null for a rule without a time
}

// problemOf is how err is answered. What is not ours is internal.
func (c *call) problemOf(err error) problem {
	e := known(err)
	m := meanings[e.Kind]
	p := problem{
		Type: problemType + string(e.Kind), Title: m.title, Status: m.status, Detail: e.Told(),
		Kind: e.Kind, Param: e.Param, Charge: e.Charge, Refund: e.Refund, RequestID: c.requestID,
	}
	if e.Room != nil {
		p.Refundable, p.Currency = &e.Room.Left, e.Room.Currency
	}
	if e.Limit != nil {
		p.Limit = &limitAnswer{e.Limit.Rule, e.Limit.Value, e.Limit.Unit, moment(e.Limit.At)}
	}
	return p
}

// known turns whatever went wrong into one of the kinds. Where a commit's
// answer was lost, or the time for it was over, that goes before the internal
// error that was made of it.
func known(err error) *refund.Error {
	e := refund.As(err)
	if e != nil && e.Kind != refund.KindInternal {
		if _, ok := meanings[e.Kind]; ok {
			return e
		}
	}
	if errors.Is(err, refund.ErrCommitUnknown) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		e := refund.Errorf(refund.KindUnknownOutcome, "", "it is not known whether this was done; query it, or repeat the same request")
		e.Cause = err
		return e
	}
	return refund.Wrap(err, "answer the native API")
}

// refuse makes an error whose detail begins with the parameter at fault, or
// with the body.
func refuse(kind refund.Kind, param, format string, args ...any) *refund.Error {
	subject := param
	if subject == "" {
		subject = "the body"
	}
	return refund.Errorf(kind, param, "%s", subject+" "+fmt.Sprintf(format, args...))
}

// log keeps what is our own fault.
func (c *call) log(p problem, err error) {
	if p.Status >= http.StatusInternalServerError && p.Kind != refund.KindBusy && p.Kind != refund.KindUnavailable {
		c.d.s.Log.ErrorContext(c.ctx, "native API: request failed",
			"request_id", c.requestID, "method", c.r.Method, "path", c.r.URL.Path, "error", err)
	}
}

// fail answers err.
func (c *call) fail(err error) {
	p := c.problemOf(err)
	c.log(p, err)
	c.hold = false // a panic may have left it
	switch p.Kind {
	case refund.KindUnauthenticated:
		c.w.Header().Set("WWW-Authenticate", `Bearer realm="refundry"`)
	case refund.KindBusy, refund.KindUnavailable:
		c.w.Header().Set("Retry-After", retryAfterSeconds)
	}
	body, encodeErr := json.Marshal(p)
	if encodeErr != nil {
		panic("a problem is made of texts and a number: " + encodeErr.Error())
	}
	c.write(p.Status, "application/problem+json", append(body, '\n'))
}
