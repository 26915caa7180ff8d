package service

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/reconcile"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/telemetry"
)

// joinAdmin makes the engine with its channels, and the operator's use cases,
// which stand on it.
func (s *Service) joinAdmin(database engine.Store, board *intake.Board) {
	log, now := s.opts.Log, s.clock.now
	drivers := s.drivers(now, log)
	maps.Copy(drivers, s.opts.Drivers)
	s.connectors = channel.NewConnectors(drivers, channel.ConnectorsOptions{Accounts: s.Store.ChannelAccount, NotifyURL: s.notifyURL, Now: now})
	s.engine = engine.New(database, board, s.connectors.Connector, s.engineOptions(drivers))
	s.Store.UseAccountTerms(accountTerms(s.connectors, s.engine.Broken))
	s.admin = admin.New(admin.Services{
		Store: s.Store, Engine: s.engine, Reconciler: reconcile.New(s.Store, s.engine, ""), Channels: s.connectors, Dialects: s.dialects(), EgressCheck: s.egressCheck,
		EndpointClient: egress.Client(s.opts.EgressAllow, deliveryTimeout),
		Wake:           s.wake, Now: now, Log: log,
	})
}

// wake has the engine and the webhooks look for work now.
func (s *Service) wake() {
	s.engine.Wake()
	if s.bulk != nil { // commands have none
		s.bulk.Wake()
	}
	if s.webhooks != nil { // commands have none
		s.webhooks.Wake()
	}
}

// NewAdmin makes the operator's use cases over an open database, for commands.
// Nothing runs in the background: what an action leaves to do is found by the
// serve that runs. The clock is corrected by the database's, as a service's is.
// egressAllow are as in Options.
func NewAdmin(ctx context.Context, st *store.Store, log *slog.Logger, egressAllow ...netip.Prefix) (*admin.Admin, error) {
	opts := Options{Log: log, Metrics: telemetry.New(Build()), EgressAllow: egressAllow}
	s := &Service{Store: st, opts: opts, clock: clock{base: time.Now}}
	if s.corrected() {
		if err := s.clock.correct(ctx, st, log); err != nil {
			return nil, err
		}
	}
	s.joinAdmin(st, intake.NewBoard())
	return s.admin, nil
}

const (
	// linkInterval is how often the service looks for audit records that
	// whoever wrote them did not live to link.
	linkInterval = 5 * time.Second
	// maxChains bounds the chains of one look.
	maxChains = 256
)

// linkAudit links what was left until ctx ends.
func (s *Service) linkAudit(ctx context.Context) {
	ticker := time.NewTicker(linkInterval)
	defer ticker.Stop()
	for {
		if err := LinkAudit(ctx, s.Store); err != nil && ctx.Err() == nil {
			s.opts.Log.Warn("audit records were not linked", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// LinkAudit links the audit records that are in no chain yet.
func LinkAudit(ctx context.Context, st *store.Store) error {
	chains, err := st.ChainsToLink(ctx, maxChains)
	for _, merchantID := range chains { // one that is locked stops no other
		if ctx.Err() != nil {
			break
		}
		_, problem := st.LinkAudit(ctx, merchantID)
		err = errors.Join(err, problem)
	}
	return err
}
