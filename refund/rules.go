package refund

import (
	"time"

	"github.com/refundry/refundry/money"
)

// Rules bound what Accept takes. The zero value has no rules: the sandbox's.
type Rules struct {
	// Window is how long after payment a charge may be refunded; 0 is for ever.
	// WindowMonths counts calendar months instead, where a channel does.
	Window       time.Duration
	WindowMonths int
	// MostRefunds is how many refunds a charge may have, failed ones too: no
	// channel that counts says that it leaves them out. 0 is any.
	MostRefunds int64
	// Spacing is the least time between two refunds of a charge.
	Spacing time.Duration
	// FullOnly allows only one refund of everything.
	FullOnly bool
	// MostAmount bounds one refund, in minor units; 0 is unbounded.
	MostAmount money.Minor
	// Currency is the only one that the channel refunds in; "" is any.
	Currency money.Currency
	// NoExchange refuses a refund that names a rate of exchange or an amount by it:
	// the channel's protocol has no place for them.
	NoExchange bool
	// SubmitSpacing is the least time between two submits for one charge. Nothing
	// is refused for it: a refund that comes sooner is sent later.
	SubmitSpacing time.Duration
}

// RuleBook is what Accept goes by besides a charge: the rules of its merchant,
// and the merchant's channel accounts. The zero value has no rules.
type RuleBook struct {
	Merchant Rules
	// Disabled says that the merchant was disabled: nothing new is accepted, whoever
	// asks and by whatever way.
	Disabled bool
	// Accounts are the terms of the merchant's channel accounts by their ids.
	Accounts map[string]Terms
	// Complete says that the merchant has no other accounts. A refund of an account
	// that was added a moment ago is then put off, and not accepted without terms.
	Complete bool
	// Route returns the id of the account that takes a channel's charges, "" for
	// none. It is asked for charges that no account took when they were
	// registered. nil finds none.
	Route func(channel string) string
	// Policies are the merchant's own, nil for none; whoever runs Accept reads the
	// windows that they count in and sets Judge.
	Policies Policies
	// Judge has the policies judge a refund that the rules accept; nil accepts it.
	Judge func(Asked) Verdict
	// Taken reports whether a channel number stands for another refund of the
	// account, and if not takes it. nil knows of none.
	Taken func(account, number string) bool
	// Asked returns what the key that asks has asked for today in a currency in
	// which it has a ceiling for a day.
	Asked func(money.Currency) money.Minor
}

// Terms are what a channel account sets for the refunds of its charges.
type Terms struct {
	// Closed accounts accept no refund.
	Closed bool
	// Rules are what the account's channel refuses anyhow, by the name of a
	// charge's channel; nil is none.
	Rules func(channel string) Rules
	// Number makes the number that the channel sees of a refund, of the refund's
	// id and a try from 0 on. nil takes the request's.
	Number func(refundID string, try int) string
	// Fault says why the account can't take refunds now, nil if it can.
	Fault *Error
}

// maxNumberTries bounds how many numbers are tried for one refund. Where numbers
// are so short that these are all taken, the account is full.
const maxNumberTries = 16

// number is what the channel of a charge's account will see of a refund.
func (b RuleBook) number(c Charge, request Request) (string, *Error) {
	terms := b.Accounts[c.ChannelAccount]
	if terms.Number == nil {
		terms.Number = func(string, int) string { return request.ChannelNumber }
	}
	for try := range maxNumberTries {
		number := terms.Number(request.RefundID, try)
		if number != "" && (b.Taken == nil || !b.Taken(c.ChannelAccount, number)) {
			return number, nil
		}
	}
	e := Errorf(KindInternal, "charge", "no refund number of the channel account is free")
	e.Charge = c.ID
	return "", e
}

// For returns the rules that bind a charge: of each rule the strictest counts.
func (b RuleBook) For(c Charge) []Rules {
	if rules := b.Accounts[c.ChannelAccount].Rules; rules != nil {
		return []Rules{rules(c.Channel), b.Merchant}
	}
	return []Rules{b.Merchant}
}

// routed returns the charge with the account that takes it, where it had none
// and there is one now.
func (b RuleBook) routed(c Charge) Charge {
	if c.ChannelAccount == "" && b.Route != nil {
		c.ChannelAccount = b.Route(c.Channel)
	}
	return c
}

// usable refuses a charge whose money no account moves.
func (b RuleBook) usable(c Charge) *Error {
	fail := func(kind Kind, text string) *Error {
		e := Errorf(kind, "charge", "%s", text)
		e.Charge, e.More = c.ID, c.ChannelAccount
		if c.ChannelAccount == "" {
			e.More = c.ID + " was paid through " + c.Channel
		}
		return e
	}
	terms, known := b.Accounts[c.ChannelAccount]
	switch {
	case c.ChannelAccount == "":
		return fail(KindNoAccount, "no channel account takes the charge")
	case terms.Closed:
		return fail(KindNoAccount, "the charge's channel account is closed")
	case !known && b.Complete:
		return fail(KindBusy, "the charge's channel account is not known here yet; nothing was accepted, try again")
	}
	return terms.Fault
}

// submitSpacing is the longest of the spacings that bind a charge.
func (b RuleBook) submitSpacing(c Charge) (longest time.Duration) {
	for _, rules := range b.For(c) {
		longest = max(longest, rules.SubmitSpacing)
	}
	return longest
}

// carries refuses what the channel's protocol can't say.
func (r Rules) carries(c Charge, options ChannelOptions) *Error {
	var e *Error
	switch {
	case r.Currency != "" && c.Currency != r.Currency:
		e = Errorf(KindInvalid, "charge", "the channel refunds %s only, and the charge is in %s", r.Currency, c.Currency)
	case r.NoExchange && (options.Rate != "" || options.ExchangedAmount != 0):
		e = Errorf(KindInvalid, "extra", "the channel can't carry a rate of exchange, nor an amount by it")
	default:
		return nil
	}
	e.Charge = c.ID
	return e
}

// check refuses what a rule forbids. amount is what the refund will be.
func (r Rules) check(c Charge, amount money.Minor, now time.Time) *Error {
	fail := func(kind Kind, param, text string) *Error {
		e := Errorf(kind, param, "%s", text)
		e.Charge, e.Room = c.ID, c.Room()
		e.Limit, e.More = r.limit(kind, c, now)
		return e
	}
	switch {
	case r.over(c, now):
		return fail(KindWindowOver, "charge", "the channel's time for refunds of this charge is over")
	case r.MostRefunds > 0 && c.Refunds >= r.MostRefunds:
		return fail(KindTooManyRefunds, "charge", "the charge has as many refunds as the channel allows")
	case r.Spacing > 0 && !c.LastRefundAt.IsZero() && now.Sub(c.LastRefundAt) < r.Spacing:
		return fail(KindTooSoon, "charge", "the charge was refunded too recently")
	case r.FullOnly && amount != c.Amount:
		return fail(KindFullOnly, "amount", "the channel refunds this charge in full or not at all")
	case r.MostAmount > 0 && amount > r.MostAmount:
		return fail(KindLimitExceeded, "amount", "above the limit for one refund")
	}
	return nil
}

func (r Rules) over(c Charge, now time.Time) bool {
	if r.Window > 0 && now.After(c.PaidAt.Add(r.Window)) {
		return true
	}
	return r.WindowMonths > 0 && now.After(monthsLater(c.PaidAt, r.WindowMonths))
}

// monthsLater is the same day and time months later, or the last day of a
// month that has no such day: a month from 31 January ends on 28 February,
// where AddDate would go on to 3 March.
func monthsLater(t time.Time, months int) time.Time {
	end := t.AddDate(0, months, 0)
	if end.Day() != t.Day() {
		end = end.AddDate(0, 0, -end.Day())
	}
	return end
}
