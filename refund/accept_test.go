package refund_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

func TestAcceptTakesEverythingThatIsLeftByDefault(t *testing.T) {
	w := newWorld(paid(t, 100))
	w.accept(t, minor(30))
	if r := w.accept(t, nil); r.Amount != 70 || r.State != refund.Created || !r.DueAt.Equal(w.at) {
		t.Errorf("%+v", r)
	}
	if w.charge.Refunds != 2 || !w.charge.LastRefundAt.Equal(w.at) {
		t.Errorf("%d refunds, the last at %v", w.charge.Refunds, w.charge.LastRefundAt)
	}
}

func TestAcceptRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		charge func(*refund.Charge)
		amount *money.Minor
		kind   refund.Kind
	}{
		{"nothing", nil, minor(0), refund.KindInvalid},
		{"less than nothing", nil, minor(-1), refund.KindInvalid},
		{"the least number", nil, minor(math.MinInt64), refund.KindInvalid},
		{"more than was paid", nil, minor(101), refund.KindAmountExceeded},
		{"the greatest number", nil, minor(math.MaxInt64), refund.KindAmountExceeded},
		{"more than is not reserved", func(c *refund.Charge) { c.Reserved = 60 }, minor(41), refund.KindAmountExceeded},
		{"more than is not blocked", func(c *refund.Charge) { c.Blocked = 60 }, minor(41), refund.KindAmountExceeded},
		{"everything, when all is reserved", func(c *refund.Charge) { c.Reserved = 100 }, nil, refund.KindAmountExceeded},
		{"anything, when all is blocked", func(c *refund.Charge) { c.Blocked = 100 }, minor(1), refund.KindAmountExceeded},
		{"anything, when all is refunded", func(c *refund.Charge) { c.Refunded = 100 }, minor(1), refund.KindFullyRefunded},
		{"everything, when all is refunded", func(c *refund.Charge) { c.Refunded = 100 }, nil, refund.KindFullyRefunded},
		{"anything, when more than all is refunded", func(c *refund.Charge) { c.Refunded, c.Excess = 150, 50 }, minor(1), refund.KindFullyRefunded},
		{"a charge that holds more than was paid", func(c *refund.Charge) { c.Reserved = 101 }, minor(1), refund.KindCorrupt},
		{"a charge whose coupons exceed it", func(c *refund.Charge) { c.Detail.Coupons = []refund.Coupon{coupon(global, cash, 101)} }, minor(1), refund.KindCorrupt},
		{"a charge whose sums overflow", func(c *refund.Charge) { c.Reserved, c.Refunded = math.MaxInt64, math.MaxInt64 }, minor(1), refund.KindCorrupt},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := paid(t, 100)
			if test.charge != nil {
				test.charge(&c)
			}
			w := newWorld(c)
			_, err := w.tryAccept(t, refund.Request{Amount: test.amount})
			if err == nil || err.Kind != test.kind {
				t.Fatalf("got %v, want %s", err, test.kind)
			}
			if _, _, quote := refund.Quote(c, refund.Request{Amount: test.amount}, refund.RuleBook{}, w.at); quote == nil || quote.Kind != test.kind {
				t.Errorf("the quote says %v", quote)
			}
		})
	}
}

func TestBlockedMoneyIsNotRefundableAndNeverBelowZero(t *testing.T) {
	c := paid(t, 100)
	c.Blocked = 30
	w := newWorld(c)
	if r := w.accept(t, nil); r.Amount != 70 {
		t.Errorf("took %d beside 30 that are blocked", r.Amount)
	}
	if got := (refund.Charge{Amount: 100, Reserved: 90, Blocked: 30, Excess: 20}).Refundable(); got != 0 {
		t.Errorf("refundable %d", got)
	}
}

func TestRules(t *testing.T) {
	month := func(y int, m time.Month, d, h int) time.Time { return time.Date(y, m, d, h, 0, 0, 0, time.UTC) }
	for _, test := range []struct {
		name   string
		rules  refund.Rules
		charge func(*refund.Charge)
		amount *money.Minor
		now    time.Time
		kind   refund.Kind
	}{
		{"within the window", refund.Rules{Window: time.Hour}, nil, nil, at0.Add(time.Hour), ""},
		{"after the window", refund.Rules{Window: time.Hour}, nil, nil, at0.Add(time.Hour + 1), refund.KindWindowOver},
		{"within twelve months", refund.Rules{WindowMonths: 12}, nil, nil, at0.AddDate(1, 0, 0), ""},
		{"after twelve months", refund.Rules{WindowMonths: 12}, nil, nil, at0.AddDate(1, 0, 0).Add(1), refund.KindWindowOver},
		{"a month from 31 January lasts to the end of February", refund.Rules{WindowMonths: 1}, func(c *refund.Charge) { c.PaidAt = month(2026, 1, 31, 9) }, nil, month(2026, 2, 28, 9), ""},
		{"and no longer", refund.Rules{WindowMonths: 1}, func(c *refund.Charge) { c.PaidAt = month(2026, 1, 31, 9) }, nil, month(2026, 2, 28, 10), refund.KindWindowOver},
		{"six months from 31 August, in a leap year", refund.Rules{WindowMonths: 6}, func(c *refund.Charge) { c.PaidAt = month(2027, 8, 31, 9) }, nil, month(2028, 2, 29, 9), ""},
		{"a year from 29 February", refund.Rules{WindowMonths: 12}, func(c *refund.Charge) { c.PaidAt = month(2028, 2, 29, 9) }, nil, month(2029, 2, 28, 10), refund.KindWindowOver},
		{"three months across the year's end", refund.Rules{WindowMonths: 3}, func(c *refund.Charge) { c.PaidAt = month(2026, 11, 15, 9) }, nil, month(2027, 2, 15, 9), ""},
		{"below the count", refund.Rules{MostRefunds: 2}, func(c *refund.Charge) { c.Refunds = 1 }, nil, at0, ""},
		{"as many as the count", refund.Rules{MostRefunds: 2}, func(c *refund.Charge) { c.Refunds = 2 }, nil, at0, refund.KindTooManyRefunds},
		{"the first is never too soon", refund.Rules{Spacing: time.Minute}, nil, nil, at0, ""},
		{"too soon", refund.Rules{Spacing: time.Minute}, func(c *refund.Charge) { c.LastRefundAt = at0 }, nil, at0.Add(time.Minute - 1), refund.KindTooSoon},
		{"soon enough", refund.Rules{Spacing: time.Minute}, func(c *refund.Charge) { c.LastRefundAt = at0 }, nil, at0.Add(time.Minute), ""},
		{"everything, where all or nothing is the rule", refund.Rules{FullOnly: true}, nil, nil, at0, ""},
		{"a part, where all or nothing is the rule", refund.Rules{FullOnly: true}, nil, minor(99), at0, refund.KindFullOnly},
		{"the rest, where all or nothing is the rule", refund.Rules{FullOnly: true}, func(c *refund.Charge) { c.Refunded = 40 }, nil, at0, refund.KindFullOnly},
		{"at the limit", refund.Rules{MostAmount: 100}, nil, nil, at0, ""},
		{"above the limit", refund.Rules{MostAmount: 99}, nil, nil, at0, refund.KindLimitExceeded},
		{"no rules at all", refund.Rules{}, func(c *refund.Charge) { c.Refunds, c.LastRefundAt = 1000, at0 }, nil, at0.AddDate(100, 0, 0), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := paid(t, 100)
			if test.charge != nil {
				test.charge(&c)
			}
			for name, book := range map[string]refund.RuleBook{
				"the merchant's":       {Merchant: test.rules},
				"the account's":        {Accounts: map[string]refund.Terms{c.ChannelAccount: only("wx", test.rules)}},
				"another account's":    {Merchant: test.rules, Accounts: map[string]refund.Terms{"other": only("wx", strict)}},
				"the stricter of both": {Merchant: refund.Rules{MostAmount: 1 << 40}, Accounts: map[string]refund.Terms{c.ChannelAccount: only("wx", test.rules)}},
				"another channel's":    {Merchant: test.rules, Accounts: map[string]refund.Terms{c.ChannelAccount: only("alipay", strict)}},
			} {
				_, _, err := refund.Quote(c, refund.Request{Amount: test.amount}, book, test.now)
				if got := kindOf(err); got != test.kind {
					t.Errorf("%s rule says %q (%v), want %q", name, got, err, test.kind)
				}
			}
		})
	}
}

// strict are rules that hardly a refund keeps.
var strict = refund.Rules{FullOnly: true, MostAmount: 1}

// only are the terms of an account that bind one channel.
func only(channel string, rules refund.Rules) refund.Terms {
	return refund.Terms{Rules: func(name string) refund.Rules {
		if name == channel {
			return rules
		}
		return refund.Rules{}
	}}
}

func TestTheAccountThatTakesACharge(t *testing.T) {
	route := func(channel string) string { return map[string]string{"wx": "late"}[channel] }
	for _, test := range []struct {
		name, account, channel string
		book                   refund.RuleBook
		want                   string // the account, "" where it is refused
	}{
		{"one that it has", "first", "wx", refund.RuleBook{Route: route}, "first"},
		{"one that was closed", "first", "wx", refund.RuleBook{Route: route, Accounts: map[string]refund.Terms{"first": {Closed: true}}}, ""},
		{"one that takes it now", "", "wx", refund.RuleBook{Route: route}, "late"},
		{"one whose rules bind it", "", "wx", refund.RuleBook{Route: route, Accounts: map[string]refund.Terms{"late": only("wx", strict)}}, ""},
		{"none of its channel", "", "alipay", refund.RuleBook{Route: route}, ""},
		{"none at all", "", "wx", refund.RuleBook{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := paid(t, 100)
			c.ChannelAccount, c.Channel = test.account, test.channel
			changes, err := refund.Accept(map[string]refund.Charge{c.ID: c}, unit(refund.Request{RefundID: "re_1", ChargeID: c.ID, Amount: minor(40)}, refund.Request{RefundID: "re_2", ChargeID: c.ID, Amount: minor(40)}), test.book, at0)
			if test.want == "" {
				if len(changes) != 0 || err == nil || test.book.Accounts["late"].Rules == nil && err.Kind != refund.KindNoAccount {
					t.Errorf("accepted %v, refused with %v", changes, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			change := changes[0]
			if change.Charge.ChannelAccount != test.want || change.Routed != (test.account == "") {
				t.Errorf("the charge is of %q, routed now: %v", change.Charge.ChannelAccount, change.Routed)
			}
			for _, r := range change.Refunds {
				if r.ChannelAccount != test.want {
					t.Errorf("refund %s goes through %q", r.ID, r.ChannelAccount)
				}
			}
		})
	}
}

func kindOf(err *refund.Error) refund.Kind {
	if err == nil {
		return ""
	}
	return err.Kind
}

// unit makes a unit of requests (charge, amount).
func unit(requests ...refund.Request) refund.Unit {
	for n := range requests {
		requests[n].RefundID = "re_" + string(rune('a'+n))
		requests[n].ChannelNumber = "n" + string(rune('a'+n))
	}
	return refund.Unit{MerchantID: "m1", Requests: requests, By: refund.Asker{RequestID: "iar_7"}}
}

func TestAUnitIsAcceptedAsAWholeOrNotAtAll(t *testing.T) {
	one, two := paid(t, 100), paid(t, 50)
	two.ID = "ch_2"
	charges := map[string]refund.Charge{"ch_1": one, "ch_2": two}
	t.Run("several refunds, two of one charge", func(t *testing.T) {
		changes, err := refund.Accept(charges, unit(
			refund.Request{ChargeID: "ch_2", Amount: minor(20)},
			refund.Request{ChargeID: "ch_1", Amount: minor(60)},
			refund.Request{ChargeID: "ch_2"},
		), refund.RuleBook{}, at0)
		if err != nil {
			t.Fatal(err)
		}
		if len(changes) != 2 || changes[0].Charge.ID != "ch_2" || changes[1].Charge.ID != "ch_1" {
			t.Fatalf("changes of %d charges, want ch_2 and then ch_1", len(changes))
		}
		second := changes[0].Refunds
		if len(second) != 2 || second[0].Amount != 20 || second[1].Amount != 30 || changes[0].Charge.Reserved != 50 || changes[0].Charge.Refunds != 2 {
			t.Errorf("%+v", changes[0])
		}
		for _, change := range changes {
			for n, r := range change.Refunds {
				if r.UnitID != "re_a" || change.Events[n].RequestID != "iar_7" || change.Events[n].RefundID != r.ID {
					t.Errorf("refund %s of unit %s with event %+v", r.ID, r.UnitID, change.Events[n])
				}
			}
			w := newWorld(charges[change.Charge.ID])
			w.take(t, change)
		}
		if first := changes[0].Events[0].Snapshot; first.ChargeReserved != 20 {
			t.Errorf("the first event shows %d reserved, as it is after the second", first.ChargeReserved)
		}
	})
	for _, test := range []struct {
		name     string
		requests []refund.Request
		kind     refund.Kind
	}{
		{"none", nil, refund.KindInvalid},
		{"one of a charge that is not there", []refund.Request{{ChargeID: "ch_1"}, {ChargeID: "ch_9"}}, refund.KindChargeNotFound},
		{"together more than one charge has", []refund.Request{{ChargeID: "ch_1", Amount: minor(60)}, {ChargeID: "ch_1", Amount: minor(41)}}, refund.KindAmountExceeded},
		{"the second one malformed", []refund.Request{{ChargeID: "ch_1"}, {ChargeID: "ch_2", Amount: minor(0)}}, refund.KindInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			changes, err := refund.Accept(charges, unit(test.requests...), refund.RuleBook{}, at0)
			if kindOf(err) != test.kind || changes != nil {
				t.Errorf("%d changes and %v", len(changes), err)
			}
		})
	}
	if charges["ch_1"].Reserved != 0 || charges["ch_2"].Reserved != 0 {
		t.Error("Accept wrote into the charges that it was given")
	}
}

func TestQuoteEqualsAccept(t *testing.T) {
	c := paid(t, 999, coupon(global, noCash, 100), coupon(global, cash, 77))
	c.Fee = minor(5)
	w := newWorld(c)
	for _, amount := range []*money.Minor{minor(1), minor(333), nil} {
		quoted, parts, err := refund.Quote(w.charge, refund.Request{Amount: amount}, refund.RuleBook{}, w.at)
		if err != nil {
			t.Fatal(err)
		}
		r := w.accept(t, amount)
		if diff := cmp.Diff(r.Parts, parts); diff != "" || quoted != r.Amount {
			t.Errorf("quoted %d, accepted %d (-accepted +quoted)\n%s", quoted, r.Amount, diff)
		}
	}
}

func TestSameContent(t *testing.T) {
	base := refund.Content{refund.ContentCharge: "ch_1", refund.ContentAmount: "100", refund.ContentTotal: "1000"}
	for _, test := range []struct {
		name  string
		other refund.Content
		same  bool
	}{
		{"the same", refund.Content{"charge": "ch_1", "amount": "100", "total": "1000"}, true},
		{"another amount", refund.Content{"charge": "ch_1", "amount": "101", "total": "1000"}, false},
		{"another charge", refund.Content{"charge": "ch_2", "amount": "100", "total": "1000"}, false},
		{"an absent amount is not the same as one", refund.Content{"charge": "ch_1", "amount": ""}, false},
		{"a member that the other dialect does not have", refund.Content{"charge": "ch_1", "amount": "100"}, true},
		{"a member that only the other dialect has", refund.Content{"charge": "ch_1", "amount": "100", "goods": "g1"}, true},
		{"a member that both have and one left out", refund.Content{"charge": "ch_1", "amount": "100", "total": ""}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if refund.SameContent(base, test.other) != test.same || refund.SameContent(test.other, base) != test.same {
				t.Errorf("want %v both ways", test.same)
			}
		})
	}
}

func TestAnAccountMakesTheNumberThatItsChannelSees(t *testing.T) {
	short := func(refundID string, try int) string { return fmt.Sprintf("%s-%d", refundID[len(refundID)-1:], try) }
	for _, test := range []struct {
		name  string
		terms refund.Terms
		taken []string
		want  string
		kind  refund.Kind
	}{
		{"without a form of its own it is the request's", refund.Terms{}, nil, "n1", ""},
		{"the account's own form", refund.Terms{Number: short}, nil, "1-0", ""},
		{"what is taken leads to the next try", refund.Terms{Number: short}, []string{"1-0", "1-1"}, "1-2", ""},
		{"what is always taken is no number", refund.Terms{Number: func(string, int) string { return "0" }}, []string{"0"}, "", refund.KindInternal},
		{"an empty number is none", refund.Terms{Number: func(string, int) string { return "" }}, nil, "", refund.KindInternal},
		{"an account that can't be used takes none", refund.Terms{Fault: refund.Errorf(refund.KindBusy, "charge", "broken")}, nil, "", refund.KindBusy},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := paid(t, 100)
			book := refund.RuleBook{
				Accounts: map[string]refund.Terms{c.ChannelAccount: test.terms}, Complete: true,
				Taken: func(account, number string) bool {
					return account == c.ChannelAccount && slices.Contains(test.taken, number)
				},
			}
			changes, err := refund.Accept(map[string]refund.Charge{c.ID: c}, refund.Unit{MerchantID: "m1", Requests: []refund.Request{
				{RefundID: "re_1", ChannelNumber: "n1", ChargeID: c.ID},
			}}, book, at0)
			if (err == nil) != (test.kind == "") || err != nil && err.Kind != test.kind {
				t.Fatalf("%v, want %q", err, test.kind)
			}
			if err == nil && changes[0].Refunds[0].ChannelNumber != test.want {
				t.Errorf("number %q, want %q", changes[0].Refunds[0].ChannelNumber, test.want)
			}
		})
	}
}

func TestARefundOfAnAccountThatIsNotKnownYetIsPutOff(t *testing.T) {
	c := paid(t, 100)
	if _, _, err := refund.Quote(c, refund.Request{}, refund.RuleBook{Complete: true}, at0); err == nil || err.Kind != refund.KindBusy {
		t.Errorf("%v, want busy", err)
	}
	if _, _, err := refund.Quote(c, refund.Request{}, refund.RuleBook{}, at0); err != nil {
		t.Error(err)
	}
}

func TestSubmitsOfOneChargeAreSpaced(t *testing.T) {
	c := paid(t, 100)
	c, ok := refund.Space(c, 0, at0)
	if !ok || !c.NotBefore.IsZero() {
		t.Errorf("without a spacing: %v, %v", ok, c.NotBefore)
	}
	for _, step := range []struct {
		at   time.Duration
		may  bool
		next time.Duration
	}{{0, true, time.Minute}, {time.Minute - time.Microsecond, false, time.Minute}, {time.Minute, true, 2 * time.Minute}} {
		c, ok = refund.Space(c, time.Minute, at0.Add(step.at))
		if ok != step.may || !c.NotBefore.Equal(at0.Add(step.next)) {
			t.Errorf("after %s: %v, next at %v", step.at, ok, c.NotBefore.Sub(at0))
		}
	}
	book := refund.RuleBook{
		Merchant: refund.Rules{SubmitSpacing: time.Second},
		Accounts: map[string]refund.Terms{c.ChannelAccount: {Rules: func(string) refund.Rules { return refund.Rules{SubmitSpacing: time.Minute} }}},
	}
	changes, err := refund.Accept(map[string]refund.Charge{c.ID: c}, refund.Unit{MerchantID: "m1", Requests: []refund.Request{
		{RefundID: "re_1", ChannelNumber: "n1", ChargeID: c.ID, Amount: minor(1)}, {RefundID: "re_2", ChannelNumber: "n2", ChargeID: c.ID, Amount: minor(1)},
	}}, book, at0)
	if err != nil || changes[0].Refunds[1].SubmitSpacing != time.Minute {
		t.Errorf("%v: %+v; nothing is refused for the spacing of submits", err, changes)
	}
}
