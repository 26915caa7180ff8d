package service

import (
	"context"

	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

var _ bulk.Store = (*store.Store)(nil)

// acceptAlone takes a bulk job's line to the intake, as any other request: the
// ceilings of the key that uploaded the file bind it, too.
func (s *Service) acceptAlone(ctx context.Context, unit refund.Unit) (refund.Refund, error) {
	if unit.By.Dialect != refund.ByCommand && unit.By.Dialect != refund.ByConsole {
		keys, err := s.Store.Keys(ctx, unit.MerchantID)
		if err != nil {
			return refund.Refund{}, err
		}
		for _, k := range keys {
			switch {
			case k.ID != unit.By.Key:
			case k.Unreadable: // what bounds it is not known
				return refund.Refund{}, refund.Errorf(refund.KindCorrupt, "key", "key %s, which uploaded the file, can't be read", k.ID)
			default:
				unit.By.Bounds = dialect.Bounds(k)
			}
		}
	}
	result, err := s.acceptor.Accept(ctx, unit, 0)
	if err != nil {
		return refund.Refund{}, err
	}
	return result.Refunds[0], nil
}
