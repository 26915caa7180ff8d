package service

import (
	"encoding/json"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
)

// providerShop is a service whose test merchant refunds through a provider that it
// is leaving, which our own dialect plays in another service.
type providerShop struct {
	*testing.T
	*Service
	platform *Service
	by       admin.By
	owner    string
	account  merchant.ChannelAccount
	// takes is the channel of the shop's charges, currency what they were paid in.
	takes    string
	currency money.Currency
}

func newProviderShop(t *testing.T, shop, platform *Service, account admin.NewAccount, currency money.Currency) *providerShop {
	t.Helper()
	p := &providerShop{
		T: t, Service: shop, platform: platform, by: admin.By{Actor: audit.Actor{Kind: "command", Name: "root"}}, takes: account.Takes[0], currency: currency,
	}
	fresh, err := merchant.NewFresh("shop", merchant.Test, nil, nil, p.now())
	if err != nil {
		t.Fatal(err)
	}
	p.owner = fresh.Merchant.ID
	if err := p.Store.AddMerchant(t.Context(), fresh, storetest.Record(p.owner)); err != nil {
		t.Fatal(err)
	}
	if p.account, err = p.admin.AddAccount(t.Context(), p.by, p.owner, account); err != nil {
		t.Fatal(err)
	}
	return p
}

// checked fails unless the account's check finds every one of the names in order.
func (p *providerShop) checked(names ...string) {
	p.Helper()
	checks, err := p.admin.CheckAccount(p.Context(), p.owner, p.account.ID)
	if err != nil {
		p.Fatal(err)
	}
	var found []string
	for _, one := range checks {
		if found = append(found, one.Name); one.Err != nil {
			p.Errorf("check of %s: %v", one.Name, one.Err)
		}
	}
	if !slices.Equal(found, names) {
		p.Errorf("checked %v, want %v", found, names)
	}
}

// made has the platform register a charge, and returns it.
func made(t *testing.T, platform *Service, body string) refund.Charge {
	t.Helper()
	code, answer := call(t, platform, http.MethodPost, "/refundry/v1/charges", body)
	var charge struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(answer, &charge); err != nil || code != http.StatusCreated {
		t.Fatalf("%d %s, %v", code, answer, err)
	}
	c, err := platform.Store.Charge(t.Context(), merchant.DemoID, charge.ID)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// register has the shop know a charge of the platform's by a number there, and by
// names that it has in dialects.
func (p *providerShop) register(theirs refund.Charge, transactionID string, aliases ...refund.Alias) refund.Charge {
	p.Helper()
	c, _, err := p.Store.RegisterCharge(p.Context(), refund.Charge{
		MerchantID: p.owner, ID: "ch_" + refund.NewID(p.now()), OrderNo: theirs.OrderNo, Channel: p.takes, ChannelAccount: p.account.ID,
		TransactionID: transactionID, Currency: p.currency, Amount: theirs.Amount, PaidAt: theirs.PaidAt, CreatedAt: p.now(), Aliases: aliases,
	}, nil)
	if err != nil {
		p.Fatal(err)
	}
	return c
}

// ask asks for a refund and does not wait for it.
func (p *providerShop) ask(c refund.Charge, amount money.Minor) string {
	p.Helper()
	result, err := p.intake.Accept(p.Context(), refund.Unit{
		MerchantID: p.owner, Requests: []refund.Request{{ChargeID: c.ID, Amount: &amount, Reason: "broken"}}, Members: []refund.Content{{}},
	}, 0)
	if err != nil {
		p.Fatal(err)
	}
	return result.Refunds[0].ID
}

// refunded asks for a refund and waits for a state.
func (p *providerShop) refunded(c refund.Charge, amount money.Minor, want refund.State) refund.Refund {
	p.Helper()
	return p.await(p.ask(c, amount), want)
}

func (p *providerShop) await(id string, want refund.State) refund.Refund {
	p.Helper()
	for end := time.Now().Add(patience); ; runtime.Gosched() {
		r, err := p.Store.Refund(p.Context(), p.owner, id)
		switch {
		case err != nil:
			p.Fatal(err)
		case r.State == want:
			return r
		case time.Now().After(end):
			p.Fatalf("the refund is %s, want %s; attempts %+v", r.State, want, p.attempts(id))
		}
	}
}

func (p *providerShop) attempts(id string) []refund.Attempt {
	p.Helper()
	attempts, err := p.Store.Attempts(p.Context(), p.owner, id)
	if err != nil {
		p.Fatal(err)
	}
	for _, a := range attempts {
		for _, secret := range []string{"PRIVATE", "sk_test_", "payin-test-secret"} {
			if strings.Contains(a.Message+a.Code+a.Note, secret) {
				p.Errorf("%s: %s %s", a.Source, a.Code, a.Message)
			}
		}
	}
	return attempts
}

// agree fails unless the platform has refunded as much of its charge in as many
// refunds, and the books of both sides are right.
func (p *providerShop) agree(theirs refund.Charge, refunded money.Minor, refunds int64) {
	p.Helper()
	now, err := p.platform.Store.Charge(p.Context(), merchant.DemoID, theirs.ID)
	if err != nil || now.Refunded != refunded || now.Refunds != refunds {
		p.Errorf("the platform has refunded %d in %d refunds, want %d in %d; %v", now.Refunded, now.Refunds, refunded, refunds, err)
	}
	for _, s := range []*Service{p.platform, p.Service} {
		if found, err := Verify(p.Context(), s.Store); err != nil || len(found) != 0 {
			p.Errorf("verify finds %v, %v", found, err)
		}
	}
}

// announce has the platform send a dialect's webhooks to the shop's account. query
// ends the account's address.
func (p *providerShop) announce(dialect, address, query, events string) {
	p.Helper()
	code, answer := call(p.T, p.platform, http.MethodPost, "/refundry/v1/endpoints",
		`{"url": "`+address+`/notify/`+p.account.Channel+`/`+p.account.ID+query+`", "dialect": "`+dialect+`", "events": [`+events+`]}`)
	if code != http.StatusCreated {
		p.Fatalf("%d %s", code, answer)
	}
}
