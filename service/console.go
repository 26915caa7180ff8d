package service

import (
	"context"
	"io"
	"strings"

	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/console"
	"github.com/refundry/refundry/dialect/native"
)

// consoleServices are what the operator pages stand on.
func (s *Service) consoleServices() console.Services {
	return console.Services{
		Audit: s.Store, Settings: s.Store, Dialects: s.dialects(),
		Admin: s.admin, Merchants: s.Store, Writes: s.Store, Refunds: s.Store, Queues: s.Store, Charges: s.Store, Acceptor: s.acceptor, Rules: s.Store.RuleBook,
		OIDC: s.opts.OIDC, PublicHTTPS: strings.HasPrefix(s.opts.PublicURL, "https:"),
		Now: s.clock.now, Log: s.opts.Log,
		BulkResult: func(ctx context.Context, to io.Writer, key bulk.Key, onPage func() error) error {
			return native.WriteBulkResult(ctx, to, s.admin, key, onPage)
		},
		Overviews: overviews{s}, Alerts: s.Store, RefundLists: s.Store,
	}
}
