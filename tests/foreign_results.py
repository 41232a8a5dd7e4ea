"""Folders as other programs write them; each function names the code whose writing it follows, line by line."""

from __future__ import annotations

import csv
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import yaml

PUBLISHED = Path(__file__).parent / "data" / "phase_preresnet20_cifar10.csv"

STATEMENTS = """Dataset Hyperparameters
    * dataset_name => mnist
    * batch_size => 128
Model Hyperparameters
    * model_name => mnist_lenet_300_100
    * model_init => kaiming_normal
    * batchnorm_init => uniform
Pruning Hyperparameters
    * pruning_strategy => sparse_global
    * pruning_fraction => 0.2
Training Hyperparameters
    * optimizer_name => sgd
    * lr => 0.1
    * training_steps => {epochs}ep"""
"""foundations/desc.py, Desc.save: the `display` of every Hparams (foundations/hparams.py), joined by line ends."""


def open_lth(root, *, epochs=(4, 40), replicates=2, levels=3, error=lambda epochs, level, replicate: 0.1):  # noqa: ARG005
    """Write lottery experiments, one for each number of epochs.

    Folders: lottery/desc.py, LotteryDesc.run_path. Log: training/metric_logger.py, MetricLogger.__str__, with the names
    of training/standard_callbacks.py, create_eval_callback. Report: pruning/mask.py, Mask.save.
    """
    for number, asked in enumerate(epochs):
        for replicate in range(1, replicates + 1):
            for level in range(levels + 1):
                main = Path(root) / f"lottery_{number:032x}" / f"replicate_{replicate}" / f"level_{level}" / "main"
                main.mkdir(parents=True)
                if level == 0:
                    (main / "hparams.log").write_text(STATEMENTS.format(epochs=asked))
                kept = 266200 * 0.8**level
                report = {"total": float(266200), "unpruned": float(round(kept))}
                (main / "sparsity_report.json").write_text(json.dumps(report, indent=4))
                right = 1 - error(asked, level, replicate)
                log = {("test_loss", 0): 2.3, ("test_accuracy", 0): 0.1, ("test_examples", 0): 10000.0}
                last = 469 * asked
                log |= {("test_loss", last): 0.4, ("test_accuracy", last): right, ("test_examples", last): 10000.0}
                (main / "logger").write_text("\n".join([f"{k[0]},{k[1]},{v}" for k, v in log.items()]))
    return Path(root)


def _experiment(folder, kind, params):
    """Write params.json: experiment/base.py, serializable_params and save_params."""
    folder.mkdir(parents=True)
    values = {"experiment": kind, "params": params}
    with (folder / "params.json").open("w") as file:
        json.dump({k: repr(v) for k, v in values.items()}, file, indent=4)


def _logs(folder, rows):
    """Write logs.csv: util/csvlogger.py, with the columns of experiment/train.py, train_metrics."""
    names = ["epoch", "timestamp", "train_loss", "train_acc1", "train_acc5", "val_loss", "val_acc1", "val_acc5"]
    with (folder / "logs.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for row in rows:
            writer.writerow([row.get(name, "") for name in names])


def shrinkbench(
    root,
    *,
    epochs=(11, 31),
    compressions=(1, 2, 8),
    seeds=(42, 43),
    error=lambda epochs, compression, seed: 0.1,  # noqa: ARG005
    strategy="GlobalMagWeight",
):
    """Write a training for each number of epochs, and prunings of its last checkpoint.

    Folders: experiment/base.py, generate_uid. Parameters: experiment/train.py and prune.py, __init__ (locals without
    self). Checkpoint N is written after N + 1 epochs: experiment/train.py, run_epochs and checkpoint. Row -1 and
    metrics.json: experiment/prune.py, save_metrics. masks_summary.csv: pruning/abstract.py, summary, by pandas.
    """
    root = Path(root)
    for number, asked in enumerate(epochs):
        dense = f"20260101-00000{number}-ABCD-{number:032x}"
        given = {
            "dataset": "MNIST",
            "model": "MnistNet",
            "path": None,
            "debug": False,
            "resume_optim": False,
            "save_freq": 10,
        }
        loader = {"batch_size": 128, "pin_memory": False, "num_workers": 8}
        params = given | {"seed": 42, "dl_kwargs": loader, "pretrained": False, "resume": None}
        _experiment(
            root / dense, "TrainingExperiment", params | {"train_kwargs": {"optim": "SGD", "epochs": asked, "lr": 0.1}}
        )
        _logs(root / dense, [{"epoch": epoch, "val_acc1": 0.9, "val_loss": 0.3} for epoch in range(asked)])
        for compression in compressions:
            for seed in seeds:
                folder = root / f"20260102-{number}{compression:02}{seed:03}-EFGH-{number:032x}"
                more = {
                    "seed": seed,
                    "dl_kwargs": {**loader, "batch_size": 64},
                    "train_kwargs": {"optim": "SGD", "epochs": 2, "lr": 0.001},
                    "pretrained": False,
                    "resume": f"results/{dense}/checkpoints/checkpoint-{asked - 1}.pt",
                    "strategy": strategy,
                    "compression": compression,
                }
                _experiment(folder, "PruningExperiment", given | more)
                right = 1 - error(asked, compression, seed)
                before = {"epoch": -1, "val_acc1": right if compression == 1 else 0.2, "val_loss": 2.0}
                retrained = [] if compression == 1 else [
                    {"epoch": epoch, "timestamp": 1.5, "train_acc1": 0.9, "val_acc1": right - 0.01 * (1 - epoch)}
                    for epoch in range(2)
                ]  # fmt: skip
                _logs(folder, [before, *retrained])
                size = 430500
                metrics = {"size": size, "size_nz": size // compression, "compression_ratio": float(compression)}
                (folder / "metrics.json").write_text(json.dumps({**metrics, "val_acc1": before["val_acc1"]}, indent=4))
                (folder / "masks_summary.csv").write_text(
                    ",module,param,comp,size,shape,prunable\n"
                    f'0,conv1,weight,{float(compression)},500,"(20, 1, 5, 5)",True\n'
                    '1,conv1,bias,1.0,20,"(20,)",True\n'
                    f'2,fc1,weight,{float(compression)},400000,"(500, 800)",True\n'
                )
    return root


def three_regime(
    root,
    *,
    epochs=(10, 40, 80, 160),
    ratios=(0.95, 0.9, 0.5),
    seeds=(1,),
    replicas=(1, 2, 3),
    length=2,
    error=lambda epochs, density, replica: 0.1,  # noqa: ARG005
    barrier=lambda epochs, density: 0.0,  # noqa: ARG005
    cka=lambda epochs, density: 0.95,  # noqa: ARG005
):
    """Write dense logs and cells.

    Folders: training_epochs/scripts/train.sh, retrain.sh, lmc.sh, cka.sh. Logs: utils/logger.py, Logger.set_names and
    append; their rows: train.py (one before the first epoch) and retrain.py. args.log: train.py, logging.info. Lines:
    loss_landscape_measure/lmc.py, np.savez. Similarities: cka_simi.py, np.save, the softmax last (cka_utils.py).
    """
    base = Path(root) / "cv" / "cifar10"
    for seed in seeds:
        name = f"preresnet20_width1_seed{seed}"
        dense = base / "train" / "SGD" / "lr_0.1" / name
        dense.mkdir(parents=True)
        arguments = {"dataset": "cifar10", "epochs": 160, "schedule": [80, 120], "manualSeed": seed}
        (dense / "args.log").write_text(f"INFO:root:{arguments}\n")
        _logger(dense / "log.txt", [[0.1, 1.0, 1.0, 80.0, 60 + 30 * epoch / 160] for epoch in range(161)])
        for ratio in ratios:
            density = round(1 - ratio, 10)
            for epoch in epochs:
                cell = base / "retrain" / "SGD" / "lr_0.1" / name / "unif" / f"p_ratio_{ratio}"
                cell = cell / f"epoch_{epoch}" / f"retrain_epoch{length}"
                for replica in replicas:
                    folder = cell / f"retrain_seed{replica}"
                    folder.mkdir(parents=True)
                    right = 100 * (1 - error(epoch, density, replica))
                    _logger(
                        folder / "log_finetune.txt",
                        [[0.1, 0.5, 0.6, 90.0, right - 5]] * (length - 1) + [[0.01, 0.4, 0.5, 95.0, right]],
                    )
                for one, other in combinations(replicas, 2):
                    line, layers = cell / "lmc" / f"seed{one}_seed{other}", cell / "cka" / f"seed{one}_seed{other}"
                    line.mkdir(parents=True)
                    layers.mkdir(parents=True)
                    bump = np.sin(np.linspace(0, np.pi, 11)) * 100 * barrier(epoch, density)
                    ends = 20 * (barrier(epoch, density) < 0)  # errors are not negative
                    np.savez(line / "curve_points_11.npz", ts=np.linspace(0, 1, 11), tr_err=ends + bump, te_err=bump)
                    np.save(
                        layers / "cka_similarity_batches100_repeat1_flatFalse.npy", np.array([0.9, cka(epoch, density)])
                    )
    return Path(root)


def _logger(path, rows):
    with path.open("w") as file:
        for name in ("Learning Rate", "Train Loss", "Valid Loss", "Train Acc.", "Valid Acc."):
            file.write(name + "\t")
        file.write("\n")
        for row in rows:
            for number in row:
                file.write(f"{number:.6f}\t")
            file.write("\n")


def timm_runs(root, *, epochs=(4, 8), error=lambda epochs: 0.2, checkpoint=None):  # noqa: ARG005
    """Write run folders: args.yaml as train.py does (yaml.safe_dump of the arguments), summary.csv by timm's own code.

    checkpoint: called with the file's path, the arguments and the epochs.
    """
    from timm.utils import update_summary

    for asked in epochs:
        folder = Path(root) / f"20260101-00000{asked}-preresnet8-8"
        folder.mkdir(parents=True)
        arguments = {"model": "preresnet8", "data_dir": "digits", "dataset": "", "num_classes": 10, "img_size": 8}
        arguments |= {"epochs": asked, "batch_size": 64, "lr": 0.1, "weight_decay": 2e-05, "opt": "sgd", "seed": 42}
        arguments |= {"sched": "cosine", "cooldown_epochs": 0, "warmup_epochs": 0, "in_chans": 1}
        (folder / "args.yaml").write_text(yaml.safe_dump(arguments, default_flow_style=False))
        for epoch in range(asked):
            evaluated = {"loss": 0.5, "top1": 100 * (1 - error(asked)), "top5": 99.0}
            update_summary(
                epoch, {"loss": 1.0}, evaluated, str(folder / "summary.csv"), lr=0.1, write_header=epoch == 0
            )
        if checkpoint is not None:
            checkpoint(folder / "last.pth.tar", arguments, asked)
    return Path(root)
