package native

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// The parameters that select refunds and charges, in lists and files alike.
var (
	refundParams = []string{
		"number", "state", "charge", "customer", "reason", "reason_code", "failure_code",
		"amount_min", "amount_max", "created_from", "created_to", "needs_person", "channel", "account",
	}
	chargeParams = []string{
		"order_no", "channel", "customer", "amount_min", "amount_max", "created_from", "created_to", "paid_from", "paid_to",
	}
)

// pageQuery reads the parameters of a page: limit and cursor, which are taken
// out, and others that are known.
func (c *call) pageQuery(known []string, repeated ...string) (url.Values, refund.Page, error) {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return nil, refund.Page{}, refund.Errorf(refund.KindInvalid, "", "the query string is malformed")
	}
	q, err := readQuery(values, append([]string{"limit", "cursor"}, known...), repeated...)
	if err != nil {
		return nil, refund.Page{}, err
	}
	page, err := q.page()
	values.Del("limit")
	values.Del("cursor")
	return values, page, err
}

// ChargeFinder finds the charge that a filter names.
type ChargeFinder interface {
	ChargeIDByAny(ctx context.Context, merchantID, name string) (string, error)
}

// ReadRefundFilter reads the parameters of GET /refundry/v1/refunds besides q,
// limit and cursor: command line and API take the same. What is wrong with them
// is a *refund.Error with the parameter's name; KindChargeNotFound for a charge
// that is not there.
func ReadRefundFilter(ctx context.Context, find ChargeFinder, merchantID string, values url.Values) (refund.Filter, error) {
	f := refund.Filter{MerchantID: merchantID}
	q, err := readQuery(values, refundParams, "state")
	if err != nil {
		return f, err
	}
	if f.States, err = q.states(); err != nil {
		return f, err
	}
	var charge, person string
	err = q.texts(map[string]*string{
		"number": &f.Number, "charge": &charge, "customer": &f.Customer, "reason": &f.Reason, "reason_code": &f.ReasonCode, "failure_code": &f.FailureCode,
		"needs_person": &person, "channel": &f.Channel, "account": &f.ChannelAccount,
	})
	if err == nil {
		err = q.amounts(&f.AmountMin, &f.AmountMax)
	}
	if err == nil {
		err = q.span("created", &f.CreatedFrom, &f.CreatedTo)
	}
	if f.NeedsPerson = person == "true"; err == nil && person != "" && !f.NeedsPerson {
		err = refund.Errorf(refund.KindInvalid, "needs_person", "needs_person can only be true")
	}
	if err != nil || charge == "" {
		return f, err
	}
	f.ChargeID, err = find.ChargeIDByAny(ctx, merchantID, charge)
	return f, err
}

// ReadChargeFilter reads the parameters of GET /refundry/v1/charges besides
// limit and cursor, as ReadRefundFilter does.
func ReadChargeFilter(merchantID string, values url.Values) (refund.ChargeFilter, error) {
	f := refund.ChargeFilter{MerchantID: merchantID}
	q, err := readQuery(values, chargeParams)
	if err == nil {
		err = q.texts(map[string]*string{"order_no": &f.OrderNo, "channel": &f.Channel, "customer": &f.Customer})
	}
	if err == nil {
		err = q.amounts(&f.AmountMin, &f.AmountMax)
	}
	if err == nil {
		err = q.span("created", &f.CreatedFrom, &f.CreatedTo)
	}
	if err == nil {
		err = q.span("paid", &f.PaidFrom, &f.PaidTo)
	}
	return f, err
}

// texts reads parameters of visible characters, in the order of their names.
func (q query) texts(into map[string]*string) error {
	for _, name := range slices.Concat(refundParams, chargeParams) {
		if to := into[name]; to != nil {
			var err error
			if *to, err = q.text(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// states reads any number of states, with a comma between or as parameters of
// their own.
func (q query) states() ([]refund.State, error) {
	var states []refund.State
	for _, value := range q.values["state"] {
		for name := range strings.SplitSeq(value, ",") {
			state := refund.State(name)
			if !state.Valid() {
				return nil, refuse(refund.KindInvalid, "state", "must be of the seven states, such as succeeded, with commas between")
			}
			if !slices.Contains(states, state) {
				states = append(states, state)
			}
		}
	}
	return states, nil
}

// amounts reads inclusive bounds in minor units.
func (q query) amounts(least, most *money.Minor) error {
	for _, bound := range []struct {
		name string
		to   *money.Minor
	}{{"amount_min", least}, {"amount_max", most}} {
		value := q.values.Get(bound.name)
		if value == "" {
			continue
		}
		m, err := money.ParseInteger(value)
		if err != nil || m == 0 {
			return refuse(refund.KindInvalid, bound.name, "must be a whole number of minor units above 0")
		}
		*bound.to = m
	}
	return nil
}

// span reads a time's bounds: NAME_from, inclusive, and NAME_to, exclusive. A
// date alone is the whole day in UTC, the last one too.
func (q query) span(name string, from, to *time.Time) error {
	var err error
	if *from, err = q.bound(name+"_from", 0); err == nil {
		*to, err = q.bound(name+"_to", 24*time.Hour)
	}
	return err
}

// bound is a time, or a date's beginning and what is added to it.
func (q query) bound(name string, ofDate time.Duration) (time.Time, error) {
	value := q.values.Get(name)
	if day, err := time.Parse(time.DateOnly, value); err == nil && !day.Before(earliest) {
		return day.Add(ofDate), nil
	}
	t, err := q.moment(name)
	if err != nil {
		return t, refuse(refund.KindInvalid, name, "must be a date such as 2026-11-22, which is that day in UTC, or an RFC 3339 time, not before 2000")
	}
	return t, nil
}
