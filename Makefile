# Fine-grained classification: raw annotations -> boxes -> crops -> synthetic images -> classifiers -> report.
# make help

DATASET ?= toy-dogs
WORK    ?= work_dirs
SEEDS   ?= 0 1 2
ifndef GPUS
  GPUS  := $(shell nvidia-smi --list-gpus 2>/dev/null | grep -c '^GPU')
endif
PYTHON  ?= python3
# As large as the classifiers' input, or full images would be compared with blurred crops.
CROP_SIZE ?= $(if $(filter full,$(PROFILE)),512,256)
ROW_FILES := full.py box.py square.py square_synth.py square_scratch.py

TOY     := $(filter toy-%,$(DATASET))
PROFILE ?= $(if $(TOY),laptop,$(if $(filter-out 0,$(GPUS)),full,laptop))
VENV    := $(or $(VIRTUAL_ENV),.venv)
PY      := $(VENV)/bin/python
D       := $(WORK)/$(DATASET)
ifneq ($(words $(WORK) $(VENV) $(DATASET)),3)
  $(error WORK, VIRTUAL_ENV and DATASET: one word each, without spaces; found '$(WORK)', '$(VENV)', '$(DATASET)')
endif
export FGIC_WEIGHTS := $(WEIGHTS)

# Which config each stage takes; every one can be set: make classify ROWS="a.py b.py".
ifneq ($(TOY),)
  DETECT_CONFIG ?= mm_configs/detect/$(DATASET)/faster-rcnn_r18_fpn.py
  SYNTH_CONFIG  ?= mm_configs/synth/$(DATASET)/biggan-deep_64px.py
  ROWS          ?= $(addprefix mm_configs/classify/$(DATASET)/resnet18_,full.py box.py square.py square_synth.py)
else ifeq ($(PROFILE),laptop)
  # torchvision's weights, which are downloaded, unless others are given (docs/weights.md).
  MOBILENET     := mobilenet-v2$(if $(wildcard $(WEIGHTS)/mobilenet_v2_imagenet1k.pth),,-torchvision)
  DETECT_CONFIG ?= mm_configs/detect/$(DATASET)/faster-rcnn_$(MOBILENET)_fpn.py
  SYNTH_CONFIG  ?= mm_configs/synth/$(DATASET)/biggan-deep_64px.py
  ROWS          ?= $(addprefix mm_configs/classify/$(DATASET)/$(MOBILENET)_,$(ROW_FILES))
else
  DETECT_CONFIG ?= mm_configs/detect/$(DATASET)/faster-rcnn_r101_fpn.py
  SYNTH_CONFIG  ?= mm_configs/synth/$(DATASET)/biggan-deep_256px.py
  ROWS          ?= $(addprefix mm_configs/classify/$(DATASET)/resnet50_,$(ROW_FILES))
endif

# What convert and crop do about damaged images, and who works for them.
DATA_OPTIONS := $(if $(STRICT),--strict) $(if $(MAX_BAD),--max-bad $(MAX_BAD)) $(if $(SCHEDULER),--scheduler $(SCHEDULER))

# Which of them the goals need: all are checked against the data before the first training.
LINT := $(DETECT_CONFIG) $(if $(filter synth classify report all,$(MAKECMDGOALS)),$(SYNTH_CONFIG)) \
        $(if $(filter classify report all,$(MAKECMDGOALS)),$(ROWS))

.PHONY: help setup doctor demo test variables convert check detect crop synth classify report all lock clean bench-data bench-train faults
.NOTPARALLEL:
.DEFAULT_GOAL := help

help:  ## this text
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo 'Variables (in brackets: now)'
	@echo '  DATASET  toy-dogs, toy-birds, dogs, cub                                  [$(DATASET)]'
	@echo '  RAW      the unpacked dataset, or a folder with its official archives    [$(or $(RAW),not needed for the toys)]'
	@echo '  PROFILE  laptop (a CPU, small models) or full (GPUs, full size)          [$(PROFILE)]'
	@echo '  WEIGHTS  folder with pretrained weights (python -m tools.weights)         [$(or $(WEIGHTS),none)]'
	@echo '  WORK     where results go: WORK/DATASET/STAGE/                           [$(WORK)]'
	@echo '  SEEDS    of the classifiers                                              [$(SEEDS)]'
	@echo '  GPUS     to train on                                                     [$(GPUS)]'
	@echo '  JOBS     classifiers trained at the same time (else one per GPU, or one per free CPU)'
	@echo '  CROP_SIZE  the most pixels of a crop'"'"'s side                             [$(CROP_SIZE)]'
	@echo '  BOXES    gt, det, or train=gt,val=det,test=det: the boxes that are cropped'
	@echo '  STRICT=1 stop at the first damaged image; MAX_BAD=0.01: the share of them above which make stops'
	@echo '  SCHEDULER  of a Dask cluster that converts and crops (docs/scaling.md)'
	@echo '  IMAGES_PER_CLASS    synthetic images to draw; INCEPTION=FILE  torchvision'"'"'s weights, for FID'
	@echo '  DETECT_CONFIG, SYNTH_CONFIG, ROWS    other mm configs than the profile'"'"'s'
	@echo
	@echo '  make detect crop synth classify report DATASET=cub RAW=/data/CUB_200_2011'

demo: setup  ## the whole pipeline on drawn dogs, on a CPU, in minutes
	@$(MAKE) --no-print-directory report DATASET=toy-dogs PROFILE=laptop
	@echo 'open $(WORK)/toy-dogs/report/index.html'

test: setup  ## every test: lint, fast ones, then one real iteration of every stage and config
	$(PY) -m ruff check .
	$(VENV)/bin/lint-imports
	$(PY) -m pytest
	$(PY) -m pytest -m mm

all: report  ## all stages of DATASET

setup:  ## install the lock into .venv, or the active virtual environment
	@tools/setup.sh $(VENV) $(PYTHON)

doctor: setup  ## what this machine has, what is wrong with it, and the command that mends it
	@$(PY) tools/doctor.py

# --- stages; each pulls in those before it, and each says `up to date` where nothing changed ---

variables: setup
	@$(PY) tools/check_variables.py --dataset '$(DATASET)' --profile '$(PROFILE)' --raw '$(RAW)' --weights '$(WEIGHTS)'

convert: variables  ## raw annotations -> COCO
ifneq ($(TOY),)
	@$(PY) -m data_converters.toy --dataset $(DATASET) --out $(D)/raw
endif
	@$(PY) -m data_converters.convert --dataset $(DATASET) --raw $(if $(TOY),$(D)/raw,'$(RAW)') --out $(D)/convert --verify $(DATA_OPTIONS)

check: convert
	@$(PY) -m tools.lint_configs --coco $(D)/convert --out $(D)/check --gpus $(or $(filter-out 0,$(GPUS)),1) $(LINT)

detect: check  ## train a detector, box every image
	@$(PY) -m pipelines.detect --coco $(D)/convert --out $(D)/detect --config $(DETECT_CONFIG) --gpus $(or $(filter-out 0,$(GPUS)),1)

crop: $(if $(filter gt,$(BOXES)),check,detect)  ## box crops and square crops
	@$(PY) -m pipelines.crop --coco $(D)/convert --out $(D)/crop --size $(CROP_SIZE) \
		$(if $(BOXES),--boxes $(BOXES)) $(if $(filter gt,$(BOXES)),,--detections $(D)/detect/detections.json) $(DATA_OPTIONS)

synth: crop  ## train BigGAN-deep on the square crops of train, draw images
	@$(PY) -m pipelines.synth --crops $(D)/crop --out $(D)/synth --config $(SYNTH_CONFIG) --gpus $(or $(filter-out 0,$(GPUS)),1) \
		$(if $(IMAGES_PER_CLASS),--images-per-class $(IMAGES_PER_CLASS)) $(if $(INCEPTION),--inception $(INCEPTION))

classify: crop $(if $(findstring synth,$(ROWS)),synth)  ## train classifiers with and without each step, compare them
	@$(PY) -m pipelines.classify --data $(D) --out $(D)/classify --rows $(ROWS) --seeds $(SEEDS) \
		$(if $(or $(JOBS),$(filter-out 0,$(GPUS))),--jobs $(or $(JOBS),$(GPUS)))

report: classify  ## one page with everything
	@$(PY) -m pipelines.report --work $(D) --out $(D)/report

# --- maintenance ---

LOCK := uv pip compile --universal --python-version 3.10 --fork-strategy fewest --generate-hashes --no-annotate --no-header --quiet

lock:  ## write the locks again (needs uv)
	$(LOCK) requirements/dev.in --override requirements/overrides.txt --output-file requirements/lock.txt
	$(LOCK) requirements/build.in --output-file requirements/build.txt

bench-data: setup  ## measure the data path: ratios, seconds, memory (20 to 30 minutes, on an idle machine)
	$(PY) -m tools.bench.data

bench-train: setup  ## measure training and inference against the libraries' own configs (docs/benchmarks.md)
	$(PY) -m tools.bench.train

faults: setup  ## kill stages, fill the disk, ...; count what held (docs/reliability.md)
	$(PY) -m tools.faults --full

clean: variables  ## remove the results of DATASET
	rm -rf -- '$(D)'
