package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
)

// row is what pages are about: a place in a list, and the row's id.
type row struct {
	position refund.Position
	id       string
}

// pages walks a list of all rows, newest first, in pages of two, both ways.
func pages(t *testing.T, all []row, list func(refund.Page) ([]row, bool)) {
	t.Helper()
	const limit = 2
	slices.SortFunc(all, func(a, b row) int { return b.position.CreatedAt.Compare(a.position.CreatedAt) })
	ids := func(rows []row) (ids []string) {
		for _, r := range rows {
			ids = append(ids, r.id)
		}
		return ids
	}
	expect := func(name string, page refund.Page, want []row, wantMore bool) []row {
		t.Helper()
		got, more := list(page)
		if !slices.Equal(ids(got), ids(want)) || more != wantMore {
			t.Fatalf("%s: %v, more %v; want %v, more %v", name, ids(got), more, ids(want), wantMore)
		}
		return got
	}
	// Rows of one moment have an order too; which, is the engine's.
	whole, _ := list(refund.Page{Limit: 100})
	if len(whole) != len(all) {
		t.Fatalf("%d rows, want %d", len(whole), len(all))
	}
	for n := range whole {
		if !whole[n].position.CreatedAt.Equal(all[n].position.CreatedAt) {
			t.Fatalf("row %d is of %s, want %s: newest first", n, whole[n].position.CreatedAt, all[n].position.CreatedAt)
		}
	}
	var after *refund.Position
	for from := 0; from < len(whole); from += limit {
		to := min(from+limit, len(whole))
		got := expect("older", refund.Page{Limit: limit, After: after}, whole[from:to], to < len(whole))
		after = &got[len(got)-1].position
	}
	expect("after the oldest", refund.Page{Limit: limit, After: after}, nil, false)
	for to := len(whole) - 1; to > 0; to -= limit {
		from := max(0, to-limit)
		expect("newer", refund.Page{Limit: limit, Before: &whole[to].position}, whole[from:to], from > 0)
	}
	expect("before the newest", refund.Page{Limit: limit, Before: &whole[0].position}, nil, false)
	expect("between", refund.Page{Limit: 100, After: &whole[0].position, Before: &whole[4].position}, whole[1:4], false)
}

func pagesOfCharges(t *testing.T, f *fixture) {
	var all []row
	for n := range 7 {
		c := f.charge(100)
		c.CreatedAt = at(n / 2) // some are of the same moment
		c = f.registered(t, c)
		all = append(all, row{refund.Position{CreatedAt: c.CreatedAt, ID: c.ID}, c.ID})
	}
	pages(t, all, func(page refund.Page) (rows []row, more bool) {
		list, more, err := f.ChargeList(t.Context(), refund.ChargeFilter{MerchantID: f.merchant, Page: page})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			rows = append(rows, row{refund.Position{CreatedAt: c.CreatedAt, ID: c.ID}, c.ID})
		}
		return rows, more
	})
}

func pagesOfStates(t *testing.T, f *fixture) {
	states := []refund.State{refund.Created, refund.Failed, refund.Canceled}
	var all []row
	for n := range 12 {
		c := f.registered(t, f.charge(100))
		r := f.accept(t, c, at(n/3), request(c, 1))[0]
		state := states[n%3]
		if n == 11 {
			state = refund.Abnormal // not asked for
		}
		f.must(t, `UPDATE refunds SET state = $3, due_at = CASE WHEN $4 = 1 THEN 0 ELSE due_at END WHERE merchant_id = $1 AND id = $2`, f.merchant, r.ID, string(state), asNumber(state.Final()))
		if n != 11 {
			all = append(all, row{refund.Position{CreatedAt: r.CreatedAt, ID: r.ID}, r.ID})
		}
	}
	pages(t, all, func(page refund.Page) (rows []row, more bool) {
		list, more, err := f.RefundList(t.Context(), refund.Filter{MerchantID: f.merchant, States: states, AmountMin: 1, Page: page})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			rows = append(rows, row{refund.Position{CreatedAt: r.CreatedAt, ID: r.ID}, r.ID})
		}
		return rows, more
	})
}

func asNumber(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

func pagesOfRefunds(t *testing.T, f *fixture) {
	var all []row
	for n := range 7 {
		c := f.registered(t, f.charge(100))
		r := f.accept(t, c, at(n/2), request(c, 1))[0]
		all = append(all, row{refund.Position{CreatedAt: r.CreatedAt, ID: r.ID}, r.ID})
	}
	pages(t, all, func(page refund.Page) (rows []row, more bool) {
		list, more, err := f.RefundList(t.Context(), refund.Filter{MerchantID: f.merchant, Page: page})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			rows = append(rows, row{refund.Position{CreatedAt: r.CreatedAt, ID: r.ID}, r.ID})
		}
		return rows, more
	})
}

func filters(t *testing.T, f *fixture) {
	a, b, c := f.charge(100), f.charge(100), f.charge(100)
	a.OrderNo, a.Channel, a.CreatedAt, a.PaidAt = "A", "alipay", at(1), at(0)
	a.Customer, b.Customer, b.Amount = "M-7", "M-8", 200
	b.OrderNo, b.CreatedAt, b.PaidAt = "B", at(2), at(-10)
	b.Aliases = []refund.Alias{{Dialect: "wallet", Identity: "w1", Name: "b"}}
	c.OrderNo, c.AlreadyRefunded, c.CreatedAt, c.PaidAt = "C", 5, at(3), at(-20)
	c.Aliases = append(c.Aliases, refund.Alias{Dialect: "wallet", Identity: "w2", Name: "c"})
	a, b, c = f.registered(t, a), f.registered(t, b), f.registered(t, c)
	first := request(a, 1)
	first.Number, first.Reason, first.ReasonCode, first.Customer = "N", "Too 100% late", "late", "guest"
	f.accept(t, a, at(4), first, request(a, 2))
	lost := f.accept(t, b, at(5), request(b, 3))[0]
	f.must(t, `UPDATE refunds SET failure_code = 'CLOSED' WHERE merchant_id = $1 AND id = $2`, f.merchant, lost.ID)

	yes, no := true, false
	for name, one := range map[string]struct {
		filter refund.ChargeFilter
		want   string
	}{
		"all":            {refund.ChargeFilter{}, "C B A "},
		"order":          {refund.ChargeFilter{OrderNo: "B"}, "B "},
		"channel":        {refund.ChargeFilter{Channel: "alipay"}, "A "},
		"dialect":        {refund.ChargeFilter{Dialect: "wallet"}, "C B "},
		"identity":       {refund.ChargeFilter{Dialect: "wallet", Identity: "w2"}, "C "},
		"refunded":       {refund.ChargeFilter{Refunded: &yes}, "C B A "},
		"not refunded":   {refund.ChargeFilter{Refunded: &no}, ""},
		"created from":   {refund.ChargeFilter{CreatedFrom: at(2)}, "C B "},
		"created before": {refund.ChargeFilter{CreatedTo: at(2)}, "A "},
		"paid":           {refund.ChargeFilter{PaidFrom: at(-10), PaidTo: at(0)}, "B "},
		"customer":       {refund.ChargeFilter{Customer: "M-8"}, "B "},
		"amount":         {refund.ChargeFilter{AmountMin: 101, AmountMax: 200}, "B "},
		"less":           {refund.ChargeFilter{AmountMax: 199}, "C A "},
		"two at once":    {refund.ChargeFilter{OrderNo: "B", Channel: "alipay"}, ""},
	} {
		one.filter.MerchantID, one.filter.Page.Limit = f.merchant, 10
		list, more, err := f.ChargeList(t.Context(), one.filter)
		got := ""
		for _, x := range list {
			got += x.OrderNo + " "
		}
		if got != one.want || more || err != nil {
			t.Errorf("charges, %s: %q, more %v, %v; want %q", name, got, more, err, one.want)
		}
	}
	for name, one := range map[string]struct {
		filter refund.Filter
		want   int
	}{
		"all":            {refund.Filter{}, 3},
		"charge":         {refund.Filter{ChargeID: a.ID}, 2},
		"number":         {refund.Filter{Number: "N"}, 1},
		"state":          {refund.Filter{State: refund.Created}, 3},
		"other state":    {refund.Filter{State: refund.Failed}, 0},
		"states":         {refund.Filter{States: []refund.State{refund.Failed, refund.Created}}, 3},
		"with succeeded": {refund.Filter{States: []refund.State{refund.Succeeded, refund.Created}}, 3},
		"other states":   {refund.Filter{States: []refund.State{refund.Failed, refund.Abnormal}}, 0},
		"one of states":  {refund.Filter{States: []refund.State{refund.Created}}, 3},
		"customer":       {refund.Filter{Customer: "M-7"}, 1}, // the charge's
		"own customer":   {refund.Filter{Customer: "guest"}, 1},
		"reason":         {refund.Filter{Reason: "100%"}, 1},
		"reason's case":  {refund.Filter{Reason: "too"}, 0},
		"reason's wild":  {refund.Filter{Reason: "%"}, 1},
		"reason of none": {refund.Filter{Reason: "_"}, 0},
		"reason code":    {refund.Filter{ReasonCode: "late"}, 1},
		"failure":        {refund.Filter{FailureCode: "CLOSED"}, 1},
		"amount":         {refund.Filter{AmountMin: 2, AmountMax: 2}, 1},
		"created from":   {refund.Filter{CreatedFrom: at(5)}, 1},
		"created before": {refund.Filter{CreatedTo: at(5)}, 2},
		"an empty span":  {refund.Filter{CreatedFrom: at(5), CreatedTo: at(5).Add(-time.Second)}, 0},
	} {
		one.filter.MerchantID, one.filter.Page.Limit = f.merchant, 10
		list, more, err := f.RefundList(t.Context(), one.filter)
		if len(list) != one.want || more || err != nil {
			t.Errorf("refunds, %s: %d, more %v, %v; want %d", name, len(list), more, err, one.want)
		}
	}
}

// corruptRefundsOfPages are left out of a page that a person looks at, and of what
// approvals are about; the page says which they are, and the next one goes on behind.
func corruptRefundsOfPages(t *testing.T, f *fixture) {
	c, broken := f.registered(t, f.charge(100)), f.registered(t, f.charge(100))
	var ids []string
	for n := range 4 {
		ids = append(ids, f.accept(t, c, at(3+n), request(c, 1))[0].ID)
	}
	ofBroken := f.accept(t, broken, at(1), request(broken, 1))[0].ID
	f.must(t, `UPDATE refunds SET parts = '{"payer":2}' WHERE merchant_id = $1 AND id = $2`, f.merchant, ids[1])
	f.must(t, `UPDATE refunds SET detail = 'no JSON' WHERE merchant_id = $1 AND id = $2`, f.merchant, ids[2])
	f.must(t, `UPDATE charges SET detail = 'no JSON' WHERE merchant_id = $1 AND id = $2`, f.merchant, broken.ID)
	// By an index, and looked through.
	for _, filter := range []refund.Filter{{}, {AmountMin: 1}} {
		filter.MerchantID = f.merchant
		filter.Page.Limit = 2
		var sound, damaged []string
		for more := true; more; {
			look, err := f.RefundLook(t.Context(), filter)
			if err != nil || len(look.Refunds)+len(look.Unreadable) > 2 {
				t.Fatalf("%+v, %v", look, err)
			}
			for _, r := range look.Refunds {
				sound = append(sound, r.ID)
			}
			for _, u := range look.Unreadable {
				damaged = append(damaged, u.ID)
				if u.MerchantID != f.merchant || u.State != refund.Created || u.CreatedAt.IsZero() {
					t.Errorf("unreadable: %+v", u)
				}
			}
			filter.Page.After, more = look.Next, look.Next != nil
		}
		if !slices.Equal(sound, []string{ids[3], ids[0], ofBroken}) || !slices.Equal(damaged, []string{ids[2], ids[1]}) {
			t.Errorf("%+v: sound %v, damaged %v of %v and %s", filter, sound, damaged, ids, ofBroken)
		}
	}
	about, err := f.ApprovalSubjects(t.Context(), f.merchant, append(ids, ofBroken))
	if err != nil {
		t.Fatal(err)
	}
	for n, id := range ids {
		sound := n == 0 || n == 3
		if one := about[id]; (one.Refund.ID == id) != sound || (one.Charge.ID == c.ID) != sound {
			t.Errorf("refund %d: %+v", n, one)
		}
	}
	if one := about[ofBroken]; one.Refund.ID != ofBroken || one.Charge.ID != "" {
		t.Errorf("the one whose charge is damaged: %+v", one)
	}
	f.damagedSearch(t, ids, ofBroken)
	f.damagedCharges(t, c.ID, broken.ID)
	f.damagedEvents(t, ids)
}

// damagedSearch: a number finds what is damaged, too, and each refund by its own.
func (f *fixture) damagedSearch(t *testing.T, ids []string, ofBroken string) {
	t.Helper()
	for number, want := range map[string][2]int{ids[0]: {1, 0}, ids[1]: {0, 1}, ofBroken: {1, 0}} {
		look, err := f.SearchRefunds(t.Context(), f.merchant, number, refund.Page{Limit: 10})
		if err != nil || len(look.Refunds) != want[0] || len(look.Unreadable) != want[1] {
			t.Errorf("%s finds %+v, %v", number, look, err)
		}
	}
	if _, err := f.RefundByAny(t.Context(), f.merchant, ids[1]); refund.KindOf(err) != refund.KindCorrupt {
		t.Errorf("the damaged one is %v", err)
	}
}

// damagedCharges: a list of charges goes on behind one that is damaged.
func (f *fixture) damagedCharges(t *testing.T, sound, broken string) {
	t.Helper()
	filter := refund.ChargeFilter{MerchantID: f.merchant, Page: refund.Page{Limit: 1}}
	var found, damaged []string
	for more := true; more; {
		look, err := f.ChargeLook(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range look.Charges {
			found = append(found, c.ID)
		}
		for _, u := range look.Unreadable {
			damaged = append(damaged, u.ID)
		}
		filter.Page.After, more = look.Next, look.Next != nil
	}
	if !slices.Contains(found, sound) || slices.Contains(found, broken) || !slices.Equal(damaged, []string{broken}) {
		t.Errorf("charges %v, damaged %v", found, damaged)
	}
}

// damagedEvents: lists of events, the feed's too, say which are about what is damaged
// or can't be read themselves, and have the others.
func (f *fixture) damagedEvents(t *testing.T, ids []string) {
	t.Helper()
	f.must(t, `UPDATE events SET snapshot = '{"state":"created"' WHERE merchant_id = $1 AND refund_id = $2`, f.merchant, ids[3])
	events, more, err := f.EventLook(t.Context(), refund.EventFilter{MerchantID: f.merchant, Page: refund.Page{Limit: 100}})
	if err != nil || more || len(events) != len(ids)+1 {
		t.Fatalf("%d events, %v, %v", len(events), more, err)
	}
	for _, e := range events {
		sound := e.Refund.ID == ids[0]
		if e.Unreadable == sound || e.Refund.ID == "" || e.Charge.ID == "" || e.At.IsZero() || sound && e.Refund.Amount != 1 {
			t.Errorf("event %s of refund %s: %+v", e.ID, e.Refund.ID, e)
		}
		if one, err := f.Event(t.Context(), f.merchant, e.ID); (err == nil) != sound || one.ID != e.ID {
			t.Errorf("alone it is %+v, %v", one, err)
		}
	}
	if _, _, err := f.EventList(t.Context(), refund.EventFilter{MerchantID: f.merchant, Page: refund.Page{Limit: 100}}); refund.KindOf(err) != refund.KindCorrupt {
		t.Errorf("protocols, which have no word for a damaged event, get %v", err)
	}
}
