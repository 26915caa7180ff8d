package service

import (
	"context"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/dialect/payin"
	"github.com/refundry/refundry/dialect/pingpp"
	"github.com/refundry/refundry/dialect/wallet"
	"github.com/refundry/refundry/dialect/wechatpay"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/sqlitefile"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/verify"
)

// What the store implements for those who stand above it.
var (
	_ admin.Store            = (*store.Store)(nil)
	_ admin.Queues           = (*store.Store)(nil)
	_ admin.Traces           = (*store.Store)(nil)
	_ dialect.BatchRegistrar = (*store.Store)(nil)
	_ dialect.Directory      = (*store.Store)(nil)
	_ dialect.Reader         = (*store.Store)(nil)
	_ dialect.Writes         = (*store.Store)(nil)
	_ native.Alerts          = (*store.Store)(nil)
	_ native.Audit           = (*store.Store)(nil)
	_ native.Deliveries      = (*store.Store)(nil)
	_ native.Endpoints       = (*store.Store)(nil)
	_ native.Merchants       = (*store.Store)(nil)
	_ native.Notices         = (*store.Store)(nil)
	_ native.Searcher        = (*store.Store)(nil)
	_ payin.Deliveries       = (*store.Store)(nil)
	_ payin.Orders           = (*store.Store)(nil)
	_ pingpp.RefundPager     = (*store.Store)(nil)
	_ pingpp.Units           = (*store.Store)(nil)
	_ wallet.Pager           = (*store.Store)(nil)
	_ wechatpay.Finder       = (*store.Store)(nil)
)

// OpenStore opens a database with what the store has to know of the dialects
// and of the channels that keep tables.
func OpenStore(ctx context.Context, url string, opts store.Options) (*store.Store, error) {
	for _, tables := range channelTables() {
		opts.Growing = append(opts.Growing, tables.Growing...)
		opts.DeleteRefunds = append(opts.DeleteRefunds, tables.DeleteRefunds...)
	}
	if opts.Dialects.BatchEnd == nil {
		opts.Dialects = storeDialects(registry())
	}
	if path, sqlite := SQLiteFile(url); sqlite && path != "" {
		if err := sqlitefile.Join(path); err != nil {
			return nil, err
		}
	}
	return store.Open(ctx, url, opts)
}

// Verify derives every invariant again from the rows and returns what does not
// hold. The error is about reading.
func Verify(ctx context.Context, s *store.Store) ([]refund.Finding, error) {
	var checks []verify.Check
	for _, tables := range channelTables() {
		checks = append(checks, verify.Check{Name: tables.Name, Run: tables.Check})
	}
	return verify.Run(ctx, s.DB(), checks...)
}
