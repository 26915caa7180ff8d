package service

import (
	"strings"

	"github.com/refundry/refundry/console"
)

// consoleServices are what the operator pages stand on.
func (s *Service) consoleServices() console.Services {
	return console.Services{
		Audit: s.Store, Settings: s.Store, Dialects: s.dialects(),
		Admin: s.admin, Merchants: s.Store, Writes: s.Store, Refunds: s.Store, Queues: s.Store, Charges: s.Store, Acceptor: s.acceptor, Rules: s.Store.RuleBook,
		OIDC: s.opts.OIDC, PublicHTTPS: strings.HasPrefix(s.opts.PublicURL, "https:"),
		Now: s.clock.now, Log: s.opts.Log,
		Overviews: overviews{s}, Alerts: s.Store, RefundLists: s.Store, Views: s.Store,
	}
}
