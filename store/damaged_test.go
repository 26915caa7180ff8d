package store_test

import (
	"testing"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// One damaged row of a list is named, and the others are there as they are.
func TestListsOfSettingsAndNoticesNameWhatIsDamaged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		mine, other := freshMerchant(t, merchant.Wallet), freshMerchant(t, merchant.Wallet)
		addMerchant(t, s, mine)
		addMerchant(t, s, other)
		id, account := mine.Merchant.ID, mine.Accounts[0].ID
		second := mine.Keys[0]
		second.Key.ID, second.Secret = "key_second", "another"
		second.Key.ExpiresAt = noon.Add(time.Hour)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(s.AddKey(ctx, second, storetest.Record(id)))
		must(s.AddAccount(ctx, merchant.ChannelAccount{ID: "acct_second", MerchantID: id, Channel: "manual", CreatedAt: noon}, storetest.Record(id)))
		for _, digest := range []string{"a", "b"} {
			must(s.KeepNotice(ctx, refund.KeptNotice{Account: account, Channel: "sandbox", ReceivedAt: noon, DueAt: noon, Digest: digest, State: refund.NoticeWaiting}))
		}
		for _, text := range []string{
			`UPDATE merchants SET settings = 'x' WHERE id = $1`,
			`UPDATE api_keys SET limits = 'x' WHERE merchant_id = $1 AND id = 'key_second'`,
			`UPDATE identities SET settings = 'x' WHERE merchant_id = $1`,
			`UPDATE channel_accounts SET settings = 'x' WHERE merchant_id = $1 AND id = 'acct_second'`,
			`UPDATE channel_notices SET content = 'x' WHERE merchant_id = $1 AND digest = 'a'`,
		} {
			must(s.Exec(ctx, text, id))
		}
		merchants, err := s.Merchants(ctx)
		keys, err2 := s.Keys(ctx, id)
		identities, err3 := s.Identities(ctx, id)
		accounts, err4 := s.ChannelAccounts(ctx, id)
		notices, _, err5 := s.Notices(ctx, id, "", refund.Page{Limit: 10})
		for _, err := range []error{err, err2, err3, err4, err5} {
			must(err)
		}
		counts := map[string][2]int{
			"merchants": damagedOf(merchants, func(m merchant.Merchant) bool { return m.Unreadable && m.ID == id }),
			"keys":      damagedOf(keys, func(k merchant.Key) bool { return k.Unreadable && k.ID == "key_second" && k.Hint != "" }),
			"identity":  damagedOf(identities, func(i merchant.Identity) bool { return i.Unreadable && i.Name != "" && len(i.Secrets) == 0 }),
			"accounts":  damagedOf(accounts, func(a merchant.ChannelAccount) bool { return a.Unreadable && a.ID == "acct_second" }),
			"notices":   damagedOf(notices, func(n refund.KeptNotice) bool { return n.Unreadable && n.Digest == "a" }),
		}
		for what, want := range map[string][2]int{"merchants": {2, 1}, "keys": {3, 1}, "identity": {1, 1}, "accounts": {2, 1}, "notices": {2, 1}} {
			if counts[what] != want {
				t.Errorf("of %s there are %d, %d of them damaged, want %v", what, counts[what][0], counts[what][1], want)
			}
		}
		if _, err := s.MerchantByID(ctx, id); refund.KindOf(err) != refund.KindCorrupt {
			t.Errorf("a merchant whose limits can't be read is found: %v", err)
		}
		if _, err := s.ChannelAccount(ctx, "acct_second"); refund.KindOf(err) != refund.KindCorrupt {
			t.Errorf("an account that can't be read is opened: %v", err)
		}
		// Warnings and the inbox go past what is damaged, and leave one alert of it.
		if n, err := s.AlertExpiringKeys(ctx, noon, 2*time.Hour); err != nil || n != 1 {
			t.Errorf("%d keys end, %v", n, err)
		}
		for range 2 {
			if due, err := s.DueNotices(ctx, noon, 10); err != nil || len(due) != 1 || due[0].Digest != "b" {
				t.Errorf("due are %+v, %v", due, err)
			}
		}
		alerts, _, err := s.Alerts(ctx, id, true, refund.Page{Limit: 10})
		must(err)
		if of := damagedOf(alerts, func(a refund.StoredAlert) bool { return a.Times == 1 }); of != [2]int{2, 2} {
			t.Errorf("the alerts are %+v", alerts)
		}
	})
}

// damagedOf counts rows, and those that are damaged.
func damagedOf[T any](rows []T, damaged func(T) bool) (count [2]int) {
	for _, row := range rows {
		count[0]++
		if damaged(row) {
			count[1]++
		}
	}
	return count
}
