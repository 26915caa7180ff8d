package main

import (
	"context"
	"maps"
	"net/url"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// spanFlags select by time and amount, in every list that has both.
type spanFlags struct {
	Customer    string `help:"Only those of this customer, as the shop calls it." placeholder:"CUSTOMER"`
	CreatedFrom string `help:"Only those made then or later: a date, which is that day in UTC, or an RFC 3339 time." placeholder:"TIME"`
	CreatedTo   string `help:"Only those made before then; of a date alone, to the end of that day in UTC." placeholder:"TIME"`
	MinorMin    string `help:"Only those of at least this amount, in minor units of their currency." placeholder:"N"`
	MinorMax    string `help:"Only those of at most this amount, in minor units of their currency." placeholder:"N"`
}

// values are the API's parameters of these flags and of others; those that were
// not given are left out.
func (c *spanFlags) values(more map[string]string) url.Values {
	given := map[string]string{
		"customer": c.Customer, "created_from": c.CreatedFrom, "created_to": c.CreatedTo, "amount_min": c.MinorMin, "amount_max": c.MinorMax,
	}
	maps.Copy(given, more)
	values := make(url.Values)
	for name, value := range given {
		if value != "" { // checkGiven refuses what is given and empty
			values.Set(name, value)
		}
	}
	return values
}

// asFlag makes wrong usage of what the API's filters refuse, in the words of the
// command line.
func asFlag(err error) error {
	fault := refund.As(err)
	if fault == nil || fault.Kind != refund.KindInvalid {
		return err
	}
	flag := "--" + strings.ReplaceAll(strings.Replace(fault.Param, "amount_", "minor_", 1), "_", "-")
	return usageError{strings.Replace(reason(fault), fault.Param, flag, 1)}
}

// csvFlag is for lists that may be files.
type csvFlag struct {
	CSV bool `help:"Print all of them as CSV, without --limit: a header, minor units, times in UTC." name:"csv"`
}

func (c csvFlag) oneForm(p pageFlags) error {
	if c.CSV && p.JSON {
		return usageError{"--json and --csv are two forms: give one"}
	}
	return nil
}

// stateList is a list of states with commas between. kong's own lists lose an
// empty name at their end.
type stateList []string

// Decode is called by kong for each flag.
func (l *stateList) Decode(ctx *kong.DecodeContext) error {
	var text string
	if err := ctx.Scan.PopValueInto("state", &text); err != nil {
		return err
	}
	*l = append(*l, strings.Split(text, ",")...)
	return nil
}

// refundList is refundry refund list.
type refundList struct {
	pageFlags
	csvFlag
	State  stateList `help:"Only those in one of these states: ${enum}. Commas between several, or a flag for each." enum:"held,created,pending,abnormal,succeeded,failed,canceled" placeholder:"STATE"`
	Charge string    `help:"Only those of this charge, by its id or any dialect's name." placeholder:"CHARGE"`
	Number string    `help:"Only the one with this number of the merchant's." placeholder:"NUMBER"`
	spanFlags
	Reason      string `help:"Only those whose reason has this text in it. It reads all that the other flags leave." placeholder:"TEXT"`
	ReasonCode  string `help:"Only those with this reason code." placeholder:"CODE"`
	FailureCode string `help:"Only those that their channel failed with this code." placeholder:"CODE"`
	Channel     string `help:"Only those of charges that came by this channel, such as wx. It reads all that the other flags leave."`
	Account     string `help:"Only those of this channel account. It reads all that the other flags leave."`
	NeedsPerson bool   `help:"Only those of which only a person can find out what became of them."`
}

func (c *refundList) Run(e *environment) error {
	if err := c.oneForm(c.pageFlags); err != nil {
		return err
	}
	return printPage(e, c.pageFlags, func(s *store.Store) listing[refund.Refund] {
		charges := make(map[string]refund.Charge) // JSON needs their words
		l := listing[refund.Refund]{
			find: s.RefundByAny,
			read: func(ctx context.Context, merchantID string, page refund.Page) ([]refund.Refund, bool, error) {
				filter, err := c.filter(ctx, s, merchantID, page)
				if err != nil {
					return nil, false, err
				}
				look, err := allOfPage(ctx, s, filter)
				if err != nil {
					return nil, false, err
				}
				var refunds []refund.Refund
				for _, r := range look.Refunds {
					if _, known := charges[r.ChargeID]; c.JSON && !known && len(r.Parts.Coupons) > 0 {
						charges[r.ChargeID], err = s.Charge(ctx, merchantID, r.ChargeID)
						if refund.KindOf(err) == refund.KindCorrupt { // what its coupons are can't be said
							look.Unreadable = append(look.Unreadable, refund.Unreadable{Key: refund.Key{MerchantID: r.MerchantID, ID: r.ID}})
							continue
						}
						if err != nil {
							return nil, false, err
						}
					}
					refunds = append(refunds, r)
				}
				e.sayUnreadable("refund", look.Unreadable)
				return refunds, look.More, nil
			},
			at:     func(r refund.Refund) refund.Position { return refund.Position{CreatedAt: r.CreatedAt, ID: r.ID} },
			object: func(r refund.Refund) any { return native.RefundJSON(r, charges[r.ChargeID]) },
			header: []string{"ID", "CHARGE", "AMOUNT", "STATE", "NUMBER", "CHANNEL", "CREATED", "SUCCEEDED"},
			row: func(r refund.Refund) []string {
				return []string{r.ID, r.ChargeID, amountText(r.Amount, r.Currency), string(r.State), r.Number, r.Channel, when(r.CreatedAt), when(r.SucceededAt)}
			},
		}
		if c.CSV {
			l.file = func(ctx context.Context, merchantID string, page refund.Page) error {
				filter, err := c.filter(ctx, s, merchantID, page)
				if err != nil {
					return err
				}
				return native.WriteRefunds(ctx, e.out, s, filter, nil)
			}
		}
		return l
	})
}

// allOfPage looks on until a page is full: of this list nobody waits in a browser.
func allOfPage(ctx context.Context, s *store.Store, f refund.Filter) (refund.Look, error) {
	var all refund.Look
	limit := f.Page.Limit
	for {
		look, err := s.RefundLook(ctx, f)
		if err != nil {
			return all, err
		}
		all.Refunds, all.Unreadable, all.More = append(all.Refunds, look.Refunds...), append(all.Unreadable, look.Unreadable...), look.More
		f.Page.After, f.Page.Limit = look.Next, limit-len(all.Refunds)-len(all.Unreadable)
		if look.Next == nil || f.Page.Limit <= 0 {
			return all, nil
		}
	}
}

// filter is that of the API's list with the same parameters.
func (c *refundList) filter(ctx context.Context, s *store.Store, merchantID string, page refund.Page) (refund.Filter, error) {
	values := c.values(map[string]string{
		"charge": c.Charge, "number": c.Number, "reason": c.Reason, "reason_code": c.ReasonCode, "failure_code": c.FailureCode,
		"channel": c.Channel, "account": c.Account,
	})
	if c.NeedsPerson {
		values.Set("needs_person", "true")
	}
	if len(c.State) > 0 {
		values["state"] = c.State
	}
	f, err := native.ReadRefundFilter(ctx, s, merchantID, values)
	f.Page = page
	return f, asFlag(err)
}
