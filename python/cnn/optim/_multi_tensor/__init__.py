"""The optimizers with foreach=True, under the path that they had before the option."""

from functools import partialmethod

from .. import adadelta, adagrad, adam, adamax, adamw, asgd, nadam, radam, rmsprop, rprop, sgd


def partialclass(cls, *args, **kwargs):
    """A class like `cls`, whose construction adds these arguments."""

    class NewCls(cls):
        __init__ = partialmethod(cls.__init__, *args, **kwargs)

    return NewCls


Adam = partialclass(adam.Adam, foreach=True)
AdamW = partialclass(adamw.AdamW, foreach=True)
NAdam = partialclass(nadam.NAdam, foreach=True)
SGD = partialclass(sgd.SGD, foreach=True)
RAdam = partialclass(radam.RAdam, foreach=True)
RMSprop = partialclass(rmsprop.RMSprop, foreach=True)
Rprop = partialclass(rprop.Rprop, foreach=True)
ASGD = partialclass(asgd.ASGD, foreach=True)
Adamax = partialclass(adamax.Adamax, foreach=True)
Adadelta = partialclass(adadelta.Adadelta, foreach=True)
Adagrad = partialclass(adagrad.Adagrad, foreach=True)
