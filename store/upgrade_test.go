package store_test

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// A file of testdata/released, named by its number, is what a service of schema N left behind: a demo
// merchant, refunds in every state, a batch, deliveries. It is never made
// again, for it stands for databases out there. (It was read out of SQLite;
// its master key is storetest's.)
func TestWhatAReleasedVersionWroteIsUnderstoodAfterMigration(t *testing.T) {
	files, err := filepath.Glob("testdata/released/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no released data: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store) { upgrade(t, s, file) })
		})
	}
}

func upgrade(t *testing.T, s *store.Store, file string) {
	ctx := t.Context()
	version, err := strconv.ParseInt(strings.TrimSuffix(filepath.Base(file), ".sql"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !s.SQLite() { // bytes are written in another way there
		text = []byte(strings.ReplaceAll(string(text), ", X'", `, '\x`))
	}
	// Down first: the store of a test is at the newest schema.
	if err := s.MigrateDownTo(ctx, version); err != nil {
		t.Fatal(err)
	}
	if err := s.Exec(ctx, string(text)); err != nil {
		t.Fatal(err)
	}
	before := states(t, s)
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	found, err := service.Verify(ctx, s)
	if err != nil || len(found) > 0 {
		t.Errorf("verify finds %v, %v", found, err)
	}
	if after := states(t, s); after != before || strings.Count(after, "\n") < 5 {
		t.Errorf("refunds were\n%s\nand are\n%s", before, after)
	}
	if _, identity, err := s.Identity(ctx, merchant.Payin, "M948164"); err != nil || len(identity.Secrets) == 0 {
		t.Errorf("the sealed secrets of an identity: %v, %v", identity, err)
	}
	moveASetting(t, s)
	listed, _, err := s.Batches(ctx, refund.BatchFilter{MerchantID: "mer_demo", Dialect: merchant.PingPP, Identity: "app_1Gqj58ynP0mHeX1q", Limit: 10})
	if err != nil || len(listed) != 1 || listed[0].Batch.ID != "1517512597777432840" || len(listed[0].Refunds) != 1 {
		t.Errorf("batches %+v, %v", listed, err)
	}
	ids, err := s.Texts(ctx, `SELECT id FROM refunds`)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if r, err := s.Refund(context.Background(), "mer_demo", id); err != nil || r.ID != id {
			t.Errorf("refund %s: %v", id, err)
		}
	}
}

// states are all refunds with their states, a line each.
func states(t *testing.T, s *store.Store) string {
	t.Helper()
	rows, err := s.Texts(t.Context(), `SELECT id || ' ' || state || ' ' || amount FROM refunds ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(rows, "\n") + "\n"
}

// moveASetting has the demo wallet's ChinaUMS settings, as released versions kept
// them, moved to the sandbox account, as the start of a service does.
func moveASetting(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	_, err := s.ChangeIdentity(ctx, "mer_demo", merchant.Wallet, "wallet_demo", storetest.Record("mer_demo"), func(i merchant.Identity, record audit.Record) (merchant.Identity, audit.Record, error) {
		i.Public, i.Secrets = maps.Clone(i.Public), maps.Clone(i.Secrets)
		i.Public["chinaums.tid"], i.Secrets["chinaums.key"] = "10000001", "k"
		return i, record, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	desk, err := service.NewAdmin(ctx, s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	wallets, err := s.IdentitiesOfDialect(ctx, merchant.Wallet)
	if err != nil || len(wallets) != 1 {
		t.Fatalf("wallets %v, %v", wallets, err)
	}
	if left, err := desk.MoveSettings(ctx, admin.By{Actor: audit.ByCommand("test")}, wallets[0]); err != nil || len(left) > 0 {
		t.Fatalf("left %v, %v", left, err)
	}
	account, err := s.ChannelAccount(ctx, "sandbox_demo")
	if err != nil || account.Settings["chinaums_tid"] != "10000001" || account.Secrets["chinaums_communication_key"] != "k" || account.Version != 2 {
		t.Errorf("the account is of version %d with %v and %d secrets, %v", account.Version, account.Settings, len(account.Secrets), err)
	}
	_, wallet, err := s.Identity(ctx, merchant.Wallet, "wallet_demo")
	if err != nil || wallet.Public["chinaums.tid"] != "" || wallet.Secrets["chinaums.key"] != "" || wallet.Secrets[merchant.PlatformSecretKey] == "" {
		t.Errorf("the wallet still has %v and %d secrets, %v", wallet.Public, len(wallet.Secrets), err)
	}
}
