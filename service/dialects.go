package service

import (
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// Dialects are what the dialects of the registry say of themselves.
func Dialects() merchant.Dialects { return described(registry()) }

// dialects are those that the service has: the registry's, and what a test adds.
func (s *Service) dialects() merchant.Dialects { return described(s.registered()) }

func (s *Service) registered() []registered { return append(registry(), s.opts.dialects...) }

func described(all []registered) merchant.Dialects {
	var dialects merchant.Dialects
	for _, one := range all {
		dialects = append(dialects, one.describe())
	}
	return dialects
}

// storeDialects is what the store has to know of the dialects.
func storeDialects(all []registered) store.Dialects {
	var out store.Dialects
	for _, one := range all {
		if one.references != nil {
			out.References = append(out.References, one.references)
		}
	}
	out.BatchEnd = func(batch refund.Together) string {
		for _, one := range all {
			if one.batchEnd == nil {
				continue
			}
			if kind := one.batchEnd(batch); kind != "" {
				return kind
			}
		}
		return ""
	}
	return out
}
