package service

import (
	"context"

	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

var _ bulk.Store = (*store.Store)(nil)

// acceptAlone takes a bulk job's line to the intake, as any other request.
func (s *Service) acceptAlone(ctx context.Context, unit refund.Unit) (refund.Refund, error) {
	result, err := s.acceptor.Accept(ctx, unit, 0)
	if err != nil {
		return refund.Refund{}, err
	}
	return result.Refunds[0], nil
}
