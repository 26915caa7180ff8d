package service

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
)

var ownMachine = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// listening starts a service behind an address of its own, which it knows.
func listening(t *testing.T, opts Options) (*Service, string) {
	t.Helper()
	var handler atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.Load().(http.Handler).ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	opts.PublicURL, opts.EgressAllow = server.URL, ownMachine
	s := start(t, opts)
	handler.Store(s.Handler())
	return s, server.URL
}

// weChatShop is a service whose live merchant refunds through WeChat Pay's API,
// which our own dialect serves in another service.
type weChatShop struct {
	*testing.T
	*Service
	by      admin.By
	owner   string
	account merchant.ChannelAccount
	charge  refund.Charge
}

func newWeChatShop(t *testing.T, platform *Service, address, mchID, signedBy string) *weChatShop {
	t.Helper()
	shop, _ := listening(t, Options{Database: storetest.SQLite(t)})
	return newWeChatShopAt(t, shop, platform, address, mchID, signedBy)
}

// newWeChatShopAt makes the shop in a service. asked is the platform's key that the
// shop has, or "both, " and the one that notices are signed by.
func newWeChatShopAt(t *testing.T, shop, platform *Service, address, mchID, asked string) *weChatShop {
	t.Helper()
	signedBy, both := strings.CutPrefix(asked, "both, ")
	// Notices are signed by what the platform has chosen for the merchant.
	_, err := platform.admin.SetIdentity(t.Context(), admin.By{Actor: audit.Actor{Kind: "command", Name: "root"}}, merchant.DemoID,
		admin.IdentitySet{Dialect: merchant.WeChatPay, Name: mchID, Set: merchant.Given{Settings: map[string]string{"signs_with": signedBy}}})
	if err != nil {
		t.Fatal(err)
	}
	_, identity, err := platform.Store.Identity(t.Context(), merchant.WeChatPay, mchID)
	if err != nil {
		t.Fatal(err)
	}
	w := &weChatShop{T: t, Service: shop, by: admin.By{Actor: audit.Actor{Kind: "command", Name: "root"}}}
	fresh, err := merchant.NewFresh("shop", merchant.Live, nil, nil, w.now())
	if err != nil {
		t.Fatal(err)
	}
	w.owner = fresh.Merchant.ID
	if err := w.Store.AddMerchant(t.Context(), fresh, storetest.Record(w.owner)); err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{"mchid": mchID, "merchant_certificate": identity.Public[merchant.MerchantCertPEM], "base_url": address}
	if identity.Sub != "" {
		delete(settings, "mchid")
		settings["sp_mchid"], settings["sub_mchid"] = mchID, identity.Sub
	}
	if asked != "public_key" {
		settings["platform_certificate"] = identity.Public[merchant.PlatformCertPEM]
	}
	if asked != "certificate" {
		settings["platform_public_key_id"], settings["platform_public_key"] = identity.Public[merchant.PlatformPublicKeyID], identity.Public[merchant.PlatformPublicPEM]
	}
	if both {
		// Answers are asked to be signed by the other key than notices are.
		settings["answers_signed_by"] = map[string]string{"certificate": "public_key", "public_key": "certificate"}[signedBy]
	}
	w.account, err = w.admin.AddAccount(t.Context(), w.by, w.owner, admin.NewAccount{
		Channel: merchant.WeChatPay, Takes: []string{"wx"}, Settings: settings,
		Secrets: map[string]string{"apiv3_key": identity.Secrets[merchant.APIv3Key], "merchant_private_key": identity.Secrets[merchant.MerchantKeyPEM]},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.charge = w.register(platform, demoWeChatID)
	return w
}

// register has the shop know an order of the platform's as the platform knows it.
func (w *weChatShop) register(platform *Service, id string) refund.Charge {
	w.Helper()
	return w.registerAs(platform, id, func(*refund.Charge) {})
}

// registerAs has the shop know it with a change.
func (w *weChatShop) registerAs(platform *Service, id string, change func(*refund.Charge)) refund.Charge {
	w.Helper()
	theirs, err := platform.Store.Charge(w.Context(), merchant.DemoID, id)
	if err != nil {
		w.Fatal(err)
	}
	c := refund.Charge{
		MerchantID: w.owner, ID: "ch_" + refund.NewID(w.now()), OrderNo: theirs.OrderNo, Channel: "wx", ChannelAccount: w.account.ID,
		TransactionID: theirs.TransactionID, Currency: theirs.Currency, Amount: theirs.Amount, Fee: theirs.Fee, Detail: theirs.Detail,
		PaidAt: theirs.PaidAt, CreatedAt: w.now(),
	}
	change(&c)
	c, _, err = w.Store.RegisterCharge(w.Context(), c, nil)
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// refunded asks for a refund and waits for a state.
func (w *weChatShop) refunded(amount money.Minor, want refund.State) refund.Refund {
	w.Helper()
	result, err := w.intake.Accept(w.Context(), refund.Unit{
		MerchantID: w.owner, Requests: []refund.Request{{ChargeID: w.charge.ID, Amount: &amount, Reason: "broken"}}, Members: []refund.Content{{}},
	}, patience)
	if err != nil {
		w.Fatal(err)
	}
	return w.await(result.Refunds[0].ID, want)
}

func (w *weChatShop) await(id string, want refund.State) refund.Refund {
	w.Helper()
	for end := time.Now().Add(patience); ; runtime.Gosched() {
		r, err := w.Store.Refund(w.Context(), w.owner, id)
		switch {
		case err != nil:
			w.Fatal(err)
		case r.State == want:
			return r
		case time.Now().After(end):
			attempts, _ := w.Store.Attempts(w.Context(), w.owner, id)
			w.Fatalf("the refund is %s, want %s; attempts %+v", r.State, want, attempts)
		}
	}
}

// Our connector and our own WeChat Pay dialect agree: refunds, notices, the
// allocation, an abnormal refund, the check, and the books of both sides.
func TestRefundsGoThroughAServiceThatSpeaksWeChatPay(t *testing.T) {
	for _, modes := range [][]string{{"certificate", "public_key"}, {"both, certificate", "both, public_key"}} {
		platform, address := listening(t, Options{Database: storetest.SQLite(t), Demo: true})
		var moved money.Minor
		for _, mchID := range []string{"1900009191", "1900000100"} {
			for _, signedBy := range modes {
				t.Run(mchID+" "+signedBy, func(t *testing.T) {
					newWeChatShop(t, platform, address, mchID, signedBy).refundsAsThePlatformDoes()
					moved += 100
				})
			}
		}
		theirs, err := platform.Store.Charge(t.Context(), merchant.DemoID, demoWeChatID)
		if err != nil || theirs.Refunded != moved {
			t.Errorf("the platform has refunded %d, the shops %d, %v", theirs.Refunded, moved, err)
		}
	}
}

// refundsAsThePlatformDoes checks the account, refunds, and compares both sides.
func (w *weChatShop) refundsAsThePlatformDoes() {
	w.Helper()
	checks, err := w.admin.CheckAccount(w.Context(), w.owner, w.account.ID)
	if err != nil || len(checks) < 4 {
		w.Errorf("checked %+v, %v", checks, err)
	}
	for _, one := range checks {
		if one.Err != nil {
			w.Errorf("check of %s: %v", one.Name, one.Err)
		}
	}
	done := w.refunded(100, refund.Succeeded)
	if len(done.ChannelRefundID) != 29 || done.Shown["out_refund_no"] != done.ChannelNumber || done.Landed.Account != "支付用户零钱" {
		w.Errorf("id %q, shown %v, landed %+v", done.ChannelRefundID, done.Shown, done.Landed)
	}
	w.agreed(done)
	if found, err := Verify(w.Context(), w.Store); err != nil || len(found) != 0 {
		w.Errorf("verify finds %v, %v", found, err)
	}
}

// agreed holds the attempts of a refund against our own parts and looks for
// secrets in them.
func (w *weChatShop) agreed(r refund.Refund) {
	w.Helper()
	attempts, err := w.Store.Attempts(w.Context(), w.owner, r.ID)
	if err != nil || len(attempts) == 0 {
		w.Fatalf("attempts %v, %v", attempts, err)
	}
	for _, a := range attempts {
		if strings.Contains(a.Message, "differs") || strings.Contains(a.Message, "PRIVATE") {
			w.Errorf("%s: %s", a.Source, a.Message)
		}
	}
	if first := attempts[0]; first.Sent.AccountVersion != 1 || len(first.Sent.Digest) != 64 || first.Sent.UpstreamRequestID == "" || !strings.Contains(first.Message, "payer_refund") {
		w.Errorf("attempt %+v", first)
	}
}

func TestAnAbnormalRefundIsReroutedThroughAServiceThatSpeaksWeChatPay(t *testing.T) {
	platform, address := listening(t, Options{Database: storetest.SQLite(t), Demo: true})
	for _, signedBy := range []string{"certificate", "public_key"} {
		t.Run(signedBy, func(t *testing.T) {
			w := newWeChatShop(t, platform, address, "1900000100", signedBy)
			abnormal := w.refunded(52, refund.Abnormal)
			to := channel.Destination{Kind: channel.ToPayerCard, Bank: "ICBC_DEBIT", BankAccount: "6222020200112230403", RealName: "张三丰"}
			if _, err := w.admin.RerouteRefund(t.Context(), w.by, w.owner, abnormal.ID, to); err != nil {
				t.Fatal(err)
			}
			// Where it landed is in the answer, which a notice may outrun.
			w.await(abnormal.ID, refund.Succeeded)
			attempts, err := w.Store.Attempts(t.Context(), w.owner, abnormal.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range attempts {
				if strings.Contains(a.Message, to.BankAccount) || strings.Contains(a.Message, to.RealName) {
					t.Errorf("the card stands in %+v", a)
				}
			}
		})
	}
}

// A merchant moves to the public key while its refunds go on: the platform signs
// notices with its certificate for a while, and the account verifies by both.
func TestAMerchantMovesToThePublicKeyAndBackWhileRefundsGoOn(t *testing.T) {
	const mchID = "1900009191"
	platform, address := listening(t, Options{Database: storetest.SQLite(t), Demo: true})
	w := newWeChatShop(t, platform, address, mchID, "certificate")
	_, identity, err := platform.Store.Identity(t.Context(), merchant.WeChatPay, mchID)
	if err != nil {
		t.Fatal(err)
	}
	certificate := map[string]string{"platform_certificate": identity.Public[merchant.PlatformCertPEM], "platform_public_key_id": "", "platform_public_key": ""}
	public := map[string]string{
		"platform_certificate": "", "platform_public_key_id": identity.Public[merchant.PlatformPublicKeyID], "platform_public_key": identity.Public[merchant.PlatformPublicPEM],
	}
	w.refunded(100, refund.Succeeded)
	for n, step := range []struct {
		settings map[string]string
		signs    string // what the platform signs notices with
	}{{public, "certificate"}, {nil, "public_key"}, {certificate, "public_key"}, {nil, "certificate"}} {
		if step.settings != nil {
			if w.account, err = w.admin.RotateAccount(t.Context(), w.by, w.owner, w.account.ID, step.settings, nil, time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		_, err := platform.admin.SetIdentity(t.Context(), w.by, merchant.DemoID, admin.IdentitySet{Dialect: merchant.WeChatPay, Name: mchID, Set: merchant.Given{Settings: map[string]string{"signs_with": step.signs}}})
		if err != nil {
			t.Fatal(err)
		}
		w.charge = w.order(platform, fmt.Sprintf("SWITCH000%d", n), fmt.Sprintf("420000000020261129000000000%d", n))
		w.refunded(100, refund.Succeeded)
	}
}

// order has the platform and the shop know an order of 10 yuan.
func (w *weChatShop) order(platform *Service, number, transactionID string) refund.Charge {
	w.Helper()
	return w.register(platform, w.platformOrder(platform, number, transactionID))
}

// platformOrder has the platform alone know one, and returns its id there.
func (w *weChatShop) platformOrder(platform *Service, number, transactionID string) string {
	w.Helper()
	code, body := call(w.T, platform, http.MethodPost, "/refundry/v1/charges", fmt.Sprintf(`{"order_no": %q, "amount": 1000, "currency": "CNY", "channel": "wx",
		"transaction_id": %q, "identities": {"wechatpay": {"mchid": "1900009191", "out_trade_no": %q}}}`, number, transactionID, number))
	var made struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(body, &made); err != nil || code != http.StatusCreated {
		w.Fatalf("%d %s, %v", code, body, err)
	}
	return made.ID
}
