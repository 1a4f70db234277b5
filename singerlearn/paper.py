"""The regime of the paper's networks, as far as it describes one (section 3.3)."""

PAPER = dict(
    block="resnext",
    cardinality=4,
    downsampling="max-pool",
    n_cepstra=None,
    aggregation="attention",
    head_norm=False,
    dense=(1024, 1024, 1024),
    dropout=0.1,
    lr=1e-4,
    lr_schedule=None,
    weight_decay=1e-6,
    max_epochs=100_000,  # the paper names no limit: its test ends a training
    batch_size=32,
    chunks_per_recording=None,
    augment=False,
    stretches=(),
    synthetic_singers=0,
    precision="float32",
    early_stopping=True,
    check_every=50,
    min_improvement=0.005,
)
