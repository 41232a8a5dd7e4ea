"""The publications that several built-in plugins stand on, or that are cited more than once."""

from __future__ import annotations

from prunescope.api import Citation

ICLR = "International Conference on Learning Representations"
ICML = "International Conference on Machine Learning"

ALPAYDIN_1998 = Citation(
    key="alpaydin1998optical",
    authors=("Alpaydin, Ethem", "Kaynak, Cenk"),
    title="Optical Recognition of Handwritten Digits",
    venue="UCI Machine Learning Repository",
    year=1998,
    url="https://doi.org/10.24432/C50P49",
)
BLALOCK_2020 = Citation(
    key="blalock2020state",
    authors=("Blalock, Davis", "Gonzalez Ortiz, Jose Javier", "Frankle, Jonathan", "Guttag, John"),
    title="What is the State of Neural Network Pruning?",
    venue="Proceedings of Machine Learning and Systems",
    year=2020,
    url="https://arxiv.org/abs/2003.03033",
)
FORT_2019 = Citation(
    key="fort2019deep",
    authors=("Fort, Stanislav", "Hu, Huiyi", "Lakshminarayanan, Balaji"),
    title="Deep Ensembles: A Loss Landscape Perspective",
    venue="arXiv:1912.02757",
    year=2019,
    url="https://arxiv.org/abs/1912.02757",
)
FRANKLE_2020 = Citation(
    key="frankle2020linear",
    authors=("Frankle, Jonathan", "Dziugaite, Gintare Karolina", "Roy, Daniel M.", "Carbin, Michael"),
    title="Linear Mode Connectivity and the Lottery Ticket Hypothesis",
    venue=ICML,
    year=2020,
    url="https://arxiv.org/abs/1912.05671",
)
HUTCHINSON_1990 = Citation(
    key="hutchinson1990stochastic",
    authors=("Hutchinson, Michael F.",),
    title="A Stochastic Estimator of the Trace of the Influence Matrix for Laplacian Smoothing Splines",
    venue="Communications in Statistics: Simulation and Computation",
    year=1990,
    url="https://doi.org/10.1080/03610919008812866",
)
KORNBLITH_2019 = Citation(
    key="kornblith2019similarity",
    authors=("Kornblith, Simon", "Norouzi, Mohammad", "Lee, Honglak", "Hinton, Geoffrey"),
    title="Similarity of Neural Network Representations Revisited",
    venue=ICML,
    year=2019,
    url="https://arxiv.org/abs/1905.00414",
)
LIN_1991 = Citation(
    key="lin1991divergence",
    authors=("Lin, Jianhua",),
    title="Divergence Measures Based on the Shannon Entropy",
    venue="IEEE Transactions on Information Theory",
    year=1991,
    url="https://doi.org/10.1109/18.61115",
)
NGUYEN_2021 = Citation(
    key="nguyen2021widedeep",
    authors=("Nguyen, Thao", "Raghu, Maithra", "Kornblith, Simon"),
    title="Do Wide and Deep Networks Learn the Same Things? Uncovering How Neural Network Representations Vary with "
    "Width and Depth",
    venue=ICLR,
    year=2021,
    url="https://arxiv.org/abs/2010.15327",
)
SONG_2012 = Citation(
    key="song2012feature",
    authors=("Song, Le", "Smola, Alex", "Gretton, Arthur", "Bedo, Justin", "Borgwardt, Karsten"),
    title="Feature Selection via Dependence Maximization",
    venue="Journal of Machine Learning Research",
    year=2012,
    url="https://jmlr.org/papers/v13/song12a.html",
)
YANG_2021 = Citation(
    key="yang2021taxonomizing",
    authors=(
        "Yang, Yaoqing",
        "Hodgkinson, Liam",
        "Theisen, Ryan",
        "Zou, Joe",
        "Gonzalez, Joseph E.",
        "Ramchandran, Kannan",
        "Mahoney, Michael W.",
    ),
    title="Taxonomizing local versus global structure in neural network loss landscapes",
    venue="Advances in Neural Information Processing Systems",
    year=2021,
    url="https://arxiv.org/abs/2107.11228",
)
ZHOU_2023 = Citation(
    key="zhou2023three",
    authors=("Zhou, Yefan", "Yang, Yaoqing", "Chang, Arin", "Mahoney, Michael W."),
    title="A Three-regime Model of Network Pruning",
    venue=ICML,
    year=2023,
    url="https://arxiv.org/abs/2305.18383",
)
ZHOU_2024 = Citation(
    key="zhou2024mdtree",
    authors=("Zhou, Yefan", "Chen, Jianlong", "Cao, Qinxue", "Schürholt, Konstantin", "Yang, Yaoqing"),
    title="MD tree: a model-diagnostic tree grown on loss landscape",
    venue=ICML,
    year=2024,
    url="https://arxiv.org/abs/2406.16988",
)
MEYER_2021 = Citation(
    key="meyer2021hutchpp",
    authors=("Meyer, Raphael A.", "Musco, Cameron", "Musco, Christopher", "Woodruff, David P."),
    title="Hutch++: Optimal Stochastic Trace Estimation",
    venue="Symposium on Simplicity in Algorithms",
    year=2021,
    url="https://arxiv.org/abs/2010.09649",
)
GHORBANI_2019 = Citation(
    key="ghorbani2019investigation",
    authors=("Ghorbani, Behrooz", "Krishnan, Shankar", "Xiao, Ying"),
    title="An Investigation into Neural Net Optimization via Hessian Eigenvalue Density",
    venue=ICML,
    year=2019,
    url="https://arxiv.org/abs/1901.10159",
)
YAO_2020 = Citation(
    key="yao2020pyhessian",
    authors=("Yao, Zhewei", "Gholami, Amir", "Keutzer, Kurt", "Mahoney, Michael W."),
    title="PyHessian: Neural Networks Through the Lens of the Hessian",
    venue="IEEE International Conference on Big Data",
    year=2020,
    url="https://arxiv.org/abs/1912.07145",
)
GARIPOV_2018 = Citation(
    key="garipov2018loss",
    authors=(
        "Garipov, Timur",
        "Izmailov, Pavel",
        "Podoprikhin, Dmitrii",
        "Vetrov, Dmitry",
        "Wilson, Andrew Gordon",
    ),
    title="Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs",
    venue="Advances in Neural Information Processing Systems",
    year=2018,
    url="https://arxiv.org/abs/1802.10026",
)
LI_2018 = Citation(
    key="li2018visualizing",
    authors=("Li, Hao", "Xu, Zheng", "Taylor, Gavin", "Studer, Christoph", "Goldstein, Tom"),
    title="Visualizing the Loss Landscape of Neural Nets",
    venue="Advances in Neural Information Processing Systems",
    year=2018,
    url="https://arxiv.org/abs/1712.09913",
)
