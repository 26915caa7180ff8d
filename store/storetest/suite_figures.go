package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// figures counts what waits of two merchants, in every stage.
func figures(t *testing.T, f *fixture) {
	account := f.opened(t)
	routed := f.charge(1000)
	routed.ChannelAccount = account.ID
	routed = f.registered(t, routed)
	all := f.accept(t, routed, at(2), request(routed, 1), request(routed, 2), request(routed, 3), request(routed, 4), request(routed, 5))
	for n, text := range []string{
		`UPDATE refunds SET state = 'pending', submitted_at = 5, doubt = 1 WHERE merchant_id = $1 AND id = $2`,
		`UPDATE refunds SET state = 'pending', submitted_at = 5 WHERE merchant_id = $1 AND id = $2`,
		`UPDATE refunds SET state = 'abnormal' WHERE merchant_id = $1 AND id = $2`,
		`UPDATE refunds SET state = 'succeeded', succeeded_at = 9, due_at = 0 WHERE merchant_id = $1 AND id = $2`,
	} {
		f.must(t, text, f.merchant, all[n].ID)
	}
	event := f.news(t).Events[0]
	due, later, dead := f.delivery(event, 5), f.delivery(event, 50), f.delivery(event, 6)
	f.takenOver(t, f.news(t), due, later, dead)
	f.must(t, `UPDATE deliveries SET state = 'dead', due_at = 0 WHERE merchant_id = $1 AND id = $2`, f.merchant, dead.ID)
	if err := f.SaveAlert(t.Context(), refund.Alert{Account: account.ID, Text: "look"}); err != nil {
		t.Fatal(err)
	}
	pause := merchant.Pause{PauseScope: merchant.PauseScope{Channel: "toy"}, Reason: "a drill", At: at(1), By: audit.ByCommand("root")}
	if _, err := f.AddPause(t.Context(), pause, refund.Action{Record: audit.New(pause.By, "", "pause", "", at(1))}); err != nil {
		t.Fatal(err)
	}
	f.merchant = newMerchant()
	unrouted := f.charge(100)
	unrouted.ChannelAccount = "gone"
	unrouted = f.registered(t, unrouted)
	first := f.accept(t, unrouted, at(1), request(unrouted, 1))[0]
	f.accept(t, unrouted, at(4), request(unrouted, 1))

	got, err := f.Figures(t.Context(), at(20))
	want := store.Figures{
		Open: []store.OpenRefunds{
			{Channel: "", State: "created", Stage: store.StageAccepted, Count: 2, Oldest: first.CreatedAt},
			{Channel: "toy", State: "abnormal", Stage: store.StageAbnormal, Count: 1, Oldest: at(2)},
			{Channel: "toy", State: "created", Stage: store.StageAccepted, Count: 1, Oldest: at(2)},
			{Channel: "toy", State: "pending", Stage: store.StagePending, Count: 1, Oldest: at(2)},
			{Channel: "toy", State: "pending", Stage: store.StageUnknown, Count: 1, Oldest: at(2)},
		},
		Accounts:  []store.AccountCount{{Channel: "toy", State: "paused", Count: 1}},
		NewEvents: 2, OldestEvent: at(1),
		DueDeliveries: 1, WaitingDeliveries: 1, DeadDeliveries: 1, OldestDelivery: at(5),
		OpenAlerts: 1, Pauses: 1,
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("figures: %v (-want +got): %s", err, diff)
	}
}

// expiries finds what ends first, and nothing of who is gone.
func expiries(t *testing.T, f *fixture) {
	if got, err := f.Expiries(t.Context(), at(0)); err != nil || len(got) != 0 {
		t.Fatalf("of nothing: %v, %v", got, err)
	}
	account := f.opened(t)
	for n, second := range []int{50, 30, -1} { // the last one has expired
		f.must(t, `INSERT INTO api_keys (id, hash, dialect, merchant_id, scopes, hint, created_at, expires_at) VALUES ($1, $1, 'native', $2, '', '', 0, $3)`,
			"key_"+string(rune('a'+n)), f.merchant, at(second).UnixMicro())
	}
	f.must(t, `INSERT INTO platform_keys (id, purpose, public, sealed, certificate, created_at, expires_at) VALUES ('pk_1', 'wechatpay', '', '', $1, 0, $2)`,
		certificateUntil(t, at(5000)), at(90).UnixMicro())
	if _, err := f.exec(t, `UPDATE channel_accounts SET settings = $2 WHERE merchant_id = $1`, f.merchant, certificateSetting(t, at(700), at(900))); err != nil {
		t.Fatal(err)
	}
	want := store.Expiries{
		store.ExpiresAPIKey: at(30), store.ExpiresPlatformKey: at(90),
		store.ExpiresPlatformCertificate: at(5000).Truncate(time.Second), store.ExpiresChannelCertificate: at(900).Truncate(time.Second),
	}
	got, err := f.Expiries(t.Context(), at(0))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("expiries: %v (-want +got): %s", err, diff)
	}
	f.must(t, `UPDATE channel_accounts SET state = 'closed' WHERE merchant_id = $1 AND id = $2`, f.merchant, account.ID)
	f.must(t, `UPDATE merchants SET disabled_at = 5 WHERE id = $1`, f.merchant)
	delete(want, store.ExpiresChannelCertificate)
	delete(want, store.ExpiresAPIKey)
	got, err = f.Expiries(t.Context(), at(0))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("of who is gone: %v (-want +got): %s", err, diff)
	}
}
