package service

import (
	"context"
	"fmt"
	"strings"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
)

// moveSettings moves what earlier versions kept on identities to the channel
// accounts that have it now. Every start looks: a replica of an earlier version
// may have written there since. What can't be moved stays where it is and is
// logged; nothing reads it.
func (s *Service) moveSettings(ctx context.Context) error {
	by := admin.By{Actor: audit.ByCommand("serve, after an upgrade"), RequestID: "upgrade_" + refund.NewID(s.now())}
	for _, dialect := range s.dialects() {
		if len(dialect.Moved) == 0 {
			continue
		}
		identities, err := s.Store.IdentitiesOfDialect(ctx, dialect.Name)
		if err != nil {
			return fmt.Errorf("move settings of identities: %w", err)
		}
		for _, i := range identities {
			if i.Unreadable {
				s.opts.Log.Error("an identity can't be read, and its merchant can't use it (hint: refundry verify)", "merchant_id", i.MerchantID, "dialect", i.Dialect, "name", i.Name)
				continue
			}
			left, err := s.admin.MoveSettings(ctx, by, i)
			log := s.opts.Log.With("merchant_id", i.MerchantID, "dialect", i.Dialect, "name", i.Name)
			switch {
			case refund.KindOf(err) == refund.KindInvalid:
				log.Warn("settings of an identity could not be moved to the merchant's channel account and are read by nothing", "error", err)
			case refund.KindOf(err) == refund.KindCorrupt:
				log.Error("settings of an identity could not be moved, since its merchant or their channel account can't be read (hint: refundry verify)", "error", err)
			case err != nil:
				return fmt.Errorf("move settings of %s %s: %w", i.Dialect, i.Name, err)
			case len(left) > 0:
				log.Warn("settings of an identity are read by nothing: the merchant has no channel account for them, or it has other values "+
					"(hint: take them away with refundry identity set, each with an empty value)", "settings", strings.Join(left, " "))
			}
		}
	}
	return nil
}
